from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.ledger.feedback import give
from tandem.ledger.store import Ledger
from tandem.records import TASKS
from tandem.routing.labelled import Labelled, check_enough, ledger_rows, read_labelled
from tandem.settings import Limits
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict


def read(path: Path) -> list[Labelled]:
    return read_labelled(path, TASKS, Limits())


def written(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "rows.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def test_a_row_is_a_request_with_its_task(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": "1", "text": "Hi", "task": "other"},
        "",
        {"text": "a", "task": "sentiment", "labels": ["x"], "group": "g", "slm_failed": True},
    )
    assert read(path) == [
        Labelled({"text": "Hi"}, "other", "Hi", None),
        Labelled({"text": "a", "labels": ["x"]}, "sentiment", "g", True),
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "not a JSON object"),
        ({"text": "a"}, "`task` is missing"),
        ({"text": "a", "task": ""}, "`task` is missing"),
        ({"text": "a", "task": "poetry"}, "'poetry' is not known"),
        ({"text": "a", "task": ["faq"]}, "is not known"),
        ({"task": "faq"}, "text: Field required"),
        ({"text": "", "task": "faq"}, "empty"),
        ({"text": "a", "task": "faq", "slm_failed": "yes"}, "neither true nor false"),
        ({"text": "a", "task": "faq", "colour": "red"}, "colour"),
    ],
)
def test_a_bad_line_is_told_with_its_place(tmp_path: Path, line: Any, told: str) -> None:
    path = written(tmp_path, {"text": "fine", "task": "faq"}, line)
    with pytest.raises(InvalidRequest) as caught:
        read(path)
    assert f"{path}:2: " in str(caught.value)
    assert told in str(caught.value)


def test_a_file_without_rows_or_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no rows"):
        read(written(tmp_path, ""))
    with pytest.raises(InvalidRequest, match=r"There is no file .* Nothing was trained"):
        read(tmp_path / "none.jsonl")


def test_too_few_rows_of_a_task_are_told() -> None:
    rows = [Labelled({"text": str(n)}, "faq", str(n)) for n in range(5)]
    few = Labelled({"text": "x"}, "draft", "x")
    with pytest.raises(InvalidRequest, match=r"Fewer than 5 labelled requests: draft \(1\)"):
        check_enough([*rows, few], 5)
    with pytest.raises(InvalidRequest, match="one task"):
        check_enough(rows, 5)
    with pytest.raises(InvalidRequest, match=r"There are no labelled.*whose texts were kept"):
        check_enough([], 5)
    check_enough([*rows, few], 1)


@pytest.mark.parametrize(("texts", "rows"), [("all", 1), ("none", 0)])
def test_the_ledger_gives_runs_whose_text_it_keeps(tmp_path: Path, texts: str, rows: int) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}", texts=texts)
    run(ledger, "r1", {"text": "Is it good?", "task": "sentiment"})
    run(ledger, "r2", {"text": "Who knows?"})
    found = ledger_rows(ledger, TASKS)
    ledger.close()
    assert found.runs == 2
    assert found.rows == [Labelled({"text": "Is it good?"}, "sentiment", "Is it good?")][:rows]


@pytest.mark.parametrize(
    ("accepted", "said", "failed"),
    [(True, None, None), (True, True, False), (True, False, True), (False, None, True)],
)
def test_feedback_and_gates_say_whether_the_slm_failed(
    tmp_path: Path, accepted: bool, said: bool | None, failed: bool | None
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}", texts="all")
    run(ledger, "r1", {"text": "Is it good?", "task": "sentiment"}, accepted)
    if said is not None:
        give(ledger, "r1", said)
    (row,) = ledger_rows(ledger, TASKS).rows
    ledger.close()
    assert row.slm_failed is failed


def run(ledger: Ledger, run_id: str, request: Any, accepted: bool = True) -> None:
    ledger.start(run_id, request, profile(), decision())
    ledger.add_attempt(run_id, attempt("a1", output={"label": "up"}))
    ledger.add_verdict(run_id, verdict("a1", accepted=accepted))
    ledger.finish(run_id, answer(run_id))
