from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tandem.errors import InvalidRequest
from tandem.ledger import tables
from tandem.ledger.feedback import give
from tandem.ledger.store import Ledger
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict

OUTPUT = {"label": "up"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture(params=["none", "all"])
def ledger(file: Path, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{file}", texts=request.param)
    yield opened
    opened.close()


def run(ledger: Ledger, status: str = "accepted", output: Any = OUTPUT) -> None:
    ledger.start("r1", {"text": "planted text"}, profile(), decision())
    ledger.add_attempt("r1", attempt("a1", output=output))
    ledger.add_verdict("r1", verdict("a1", accepted=status == "accepted"))
    ledger.finish("r1", answer("r1", status=status))


def rows(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(select(tables.feedback)).mappings()]


def keeps_texts(ledger: Ledger) -> bool:
    return ledger._texts == "all"


def test_the_last_word_holds(ledger: Ledger) -> None:
    run(ledger)
    give(ledger, "r1", True)
    give(ledger, "r1", False)
    (row,) = rows(ledger)
    assert (row["run_id"], row["correct"], row["value"]) == ("r1", False, None)


def test_a_value_is_kept_only_with_the_run_s_texts(ledger: Ledger) -> None:
    run(ledger)
    given = give(ledger, "r1", False, value={"label": "down"})
    assert given["correct"] is False
    assert given["value_kept"] is keeps_texts(ledger)
    assert rows(ledger)[0]["value"] == ({"label": "down"} if keeps_texts(ledger) else None)


@pytest.mark.parametrize(("value", "right"), [(OUTPUT, True), ({"label": "down"}, False)])
def test_a_value_alone_is_compared_with_the_kept_output(
    ledger: Ledger, value: Any, right: bool
) -> None:
    run(ledger)
    if keeps_texts(ledger):
        assert give(ledger, "r1", value=value)["correct"] is right
        return
    with pytest.raises(InvalidRequest, match="could not be compared") as caught:
        give(ledger, "r1", value=value)
    assert "--correct" in caught.value.remedy
    assert rows(ledger) == []
    assert give(ledger, "r1", True, value)["correct"] is True


@pytest.mark.parametrize(
    ("value", "right"), [("up", True), ({"label": "up"}, True), ("down", False), (["up"], False)]
)
def test_of_an_output_with_probabilities_the_label_counts(
    file: Path, value: Any, right: bool
) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    run(ledger, output={"label": "up", "probabilities": {"up": 0.9, "down": 0.1}})
    assert give(ledger, "r1", value=value)["correct"] is right
    ledger.close()


@pytest.mark.parametrize("value", ["planted", {"label": "planted"}])
@pytest.mark.parametrize("correct", [None, False])
@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [(["up", "down"], {}), (None, {"up": 0.9, "down": 0.1})],
)
def test_a_label_that_was_not_offered_is_refused(
    file: Path, value: Any, correct: bool | None, labels: Any, probabilities: Any
) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    request: Any = {"text": "x", **({"labels": labels} if labels else {})}
    ledger.start("r1", request, profile(), decision())
    output = {"label": "up", "probabilities": probabilities}
    ledger.add_attempt("r1", attempt("a1", output=output))
    ledger.add_verdict("r1", verdict("a1"))
    ledger.finish("r1", answer("r1"))
    with pytest.raises(InvalidRequest, match="none of the 2 labels") as caught:
        give(ledger, "r1", correct, value)
    assert "planted" not in str(caught.value)
    assert rows(ledger) == []
    assert give(ledger, "r1", correct, "down")["correct"] is False
    ledger.close()


def test_without_known_labels_any_value_is_noted(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}", texts="all")
    run(ledger, output={"label": "up", "probabilities": {}})
    assert give(ledger, "r1", value="other")["correct"] is False
    ledger.close()


def test_a_draft_can_be_judged(ledger: Ledger) -> None:
    run(ledger, "needs_review")
    assert give(ledger, "r1", True)["correct"] is True


def test_a_run_that_turns_out_sensitive_loses_the_value(ledger: Ledger) -> None:
    run(ledger)
    give(ledger, "r1", False, value={"label": "down"})
    ledger.profiled("r1", profile(sensitivity="personal"), decision())
    assert rows(ledger)[0]["value"] is None


def test_what_cannot_be_judged_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidRequest, match="no run of that id"):
        give(ledger, "unknown", True)
    ledger.start("r1", {"text": "x"}, profile(), decision())
    with pytest.raises(InvalidRequest, match="not ended"):
        give(ledger, "r1", True)
    ledger.finish("r1", answer("r1", status="failed", tier=None))
    with pytest.raises(InvalidRequest, match="before any model was asked"):
        give(ledger, "r1", True)
    with pytest.raises(InvalidRequest, match="Nothing was said"):
        give(ledger, "r1")
    assert rows(ledger) == []


def test_a_ledger_of_version_1_gets_the_table_and_keeps_its_rows(file: Path) -> None:
    old = Ledger(f"sqlite:///{file}")
    run(old)
    with old.writing() as connection:
        connection.execute(update(tables.schema).values(version=1))
        tables.feedback.drop(connection)
    old.close()
    new = Ledger(f"sqlite:///{file}")
    give(new, "r1", True)
    assert len(rows(new)) == 1
    assert new.run("r1") is not None
    new.close()
