"""The shadow in the graph: who is drawn, what may go to the LLM, what is kept of it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tandem.errors import ModelUnavailable
from tandem.evals.cache import AnswerCache
from tandem.evals.services import EvalServices
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks
from tandem.ledger.tables import shadow
from tandem.nodes.shadow import agree, comparable, drawn, output_sum
from tandem.nodes.state import Context
from tandem.records import Answer
from tandem.settings import Settings
from tests.unit.fakes import completion
from tests.unit.nodes.calibrations import CLEAR, calibrate, promise, services
from tests.unit.quality.calibration.rows import LABELS
from tests.unit.services import FakeServices

CARD = "My card is 4539 1488 0343 6467. "
ALL: dict[str, Any] = {"shadow": {"share": 1.0}}


def ask(given: FakeServices, text: str = CLEAR, context: Any = None, **fields: Any) -> Answer:
    request = {"text": text, "task": "sentiment", "labels": list(LABELS), **fields}
    graph = build(given).compile()
    answer: Answer = graph.invoke({"request": request}, context=context)["answer"]
    assert given.background.flush(5)
    return answer


def rows(given: FakeServices) -> list[dict[str, Any]]:
    with given.ledger.reading() as connection:
        return [dict(row) for row in connection.execute(select(shadow)).mappings()]


@pytest.mark.parametrize(("said", "agreed"), [("up", True), ("down", False)])
def test_an_accepted_answer_is_asked_of_the_llm_too(
    tmp_path: Path, said: str, agreed: bool
) -> None:
    given = services(tmp_path, llm=[completion(said, cost=0.5)], **ALL)
    calibrate(given, promise("head"))
    answer = ask(given)
    assert (answer["tier"], answer["cost"]) == ("head", 0)
    assert [attempt["tier"] for attempt in answer["attempts"]] == ["head"]
    (row,) = rows(given)
    assert (row["run_id"], row["agreed"], row["probability"]) == (answer["run_id"], agreed, 1.0)
    assert (row["cost"], row["error_code"]) == (0.5, None)
    # As the LLM's own escalation would be asked: with its nearest examples.
    (prompt,) = given.fakes["llm"].prompts
    assert len(prompt.messages) == 4
    assert said not in json.dumps({key: str(value) for key, value in row.items()})
    run = given.ledger.run(answer["run_id"])
    assert run
    assert (run["cost"], len(run["attempts"])) == (0, 1)


def test_without_a_share_nobody_is_asked(tmp_path: Path) -> None:
    given = services(tmp_path)
    calibrate(given, promise("head"))
    assert ask(given)["tier"] == "head"
    assert rows(given) == []
    assert given.fakes["llm"].prompts == []


@pytest.mark.parametrize("case", ["sensitive", "declared", "private only", "cap", "budget", "rule"])
def test_what_must_not_go_to_the_llm_does_not(tmp_path: Path, case: str) -> None:
    settings: dict[str, Any] = {**ALL}
    if case == "cap":
        settings["shadow"] = {"share": 1.0, "per_day": 0.0}
    if case == "budget":
        settings["policy"] = {"budgets": {"per_day": 0.0}}
    if case == "rule":
        rule = {"name": "here", "when": {"task": "sentiment"}, "private_only": True}
        settings["policy"] = {"rules": [rule]}
    given = services(tmp_path, slm=[completion("up")], **settings)
    calibrate(given, promise("head", threshold=0.1))
    text = CARD + CLEAR if case == "sensitive" else CLEAR
    fields: dict[str, Any] = {"sensitivity": "personal"} if case == "declared" else {}
    context = Context(private_only=True) if case == "private only" else None
    assert ask(given, text, context, **fields)["status"] == "accepted"
    assert given.fakes["llm"].bound == []
    assert rows(given) == []


def test_redaction_is_no_leave_to_check(tmp_path: Path) -> None:
    """A request that might go out redacted to get an answer is not sent out to check one."""
    privacy = {"leave": {"EMAIL": "redact"}}
    given = services(tmp_path, llm=["up"], privacy=privacy, **ALL)
    calibrate(given, promise("head", threshold=0.1))
    answer = ask(given, f"{CLEAR} write to ann.smith@example.com")
    assert answer["status"] == "accepted"
    assert answer["profile"]
    assert answer["profile"]["sensitivity"] == "personal"
    assert given.fakes["llm"].bound == []


@pytest.mark.parametrize("seen", [["none"], ["none", "internal"]])
def test_a_rule_that_lets_less_leave_holds_for_the_shadow(tmp_path: Path, seen: Any) -> None:
    privacy = {"leave": {"PERSON": "redact"}}
    policy = {"rules": [{"name": "tight", "public_may_see": seen}]}
    given = services(tmp_path, llm=["up"], privacy=privacy, policy=policy, **ALL)
    calibrate(given, promise("head", threshold=0.1))
    assert ask(given, f"{CLEAR} says Mr. Smith")["status"] == "accepted"
    assert len(given.fakes["llm"].bound) == (0 if seen == ["none"] else 1)


def test_a_private_llm_may_see_what_is_sensitive(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["up"], llm_private=True, **ALL)
    calibrate(given, promise("head", threshold=0.1))
    ask(given, CARD + CLEAR)
    assert [row["agreed"] for row in rows(given)] == [True]


def test_a_sensitive_comparison_is_not_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs outside of the graph's own context, which keeps such runs out of LangSmith."""
    seen: list[Any] = []

    def traced(level: str, scan: Any, visible: Any) -> Any:
        seen.append((level, tuple(visible)))
        return nullcontext()

    monkeypatch.setattr("tandem.nodes.shadow.traced", traced)
    given = services(tmp_path, llm=["up"], llm_private=True, **ALL)
    calibrate(given, promise("head", threshold=0.1))
    ask(given, CARD + CLEAR)
    assert seen == [("personal", ("none", "internal"))]


def test_what_the_llm_answered_itself_is_not_compared(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["down"], **ALL)
    calibrate(given, promise("head", threshold=0.999))
    assert ask(given)["tier"] == "llm"
    assert rows(given) == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [(ModelUnavailable("down"), "model_unavailable"), (completion("perhaps"), "rejected")],
)
def test_an_llm_without_an_answer_is_a_row_without_a_word(
    tmp_path: Path, reply: Any, code: str
) -> None:
    given = services(tmp_path, llm=[reply], **ALL)
    calibrate(given, promise("head"))
    answer = ask(given)
    assert answer["error"] is None
    (row,) = rows(given)
    assert (row["agreed"], row["error_code"], row["output_sum"]) == (None, code, "")


def test_an_evaluation_has_no_shadow(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "kept.sqlite")
    given = EvalServices(Settings(home=tmp_path, **ALL), cache, tmp_path / "ledger.sqlite")
    assert given.settings.shadow.share == 0
    cache.close()


def test_closing_flushes(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["up"], **ALL)
    calibrate(given, promise("head"))
    request = {"text": CLEAR, "task": "sentiment", "labels": list(LABELS)}
    build(given).compile().invoke({"request": request})
    given.close()
    assert [row["agreed"] for row in rows(given)] == [True]


def test_the_sample_is_of_the_asked_size_and_nested() -> None:
    ids = [f"run-{number}" for number in range(4000)]
    small = {each for each in ids if drawn(each, 0.1)}
    assert 330 < len(small) < 470
    assert small <= {each for each in ids if drawn(each, 0.2)}
    assert not any(drawn(each, 0.0) for each in ids)
    assert all(drawn(each, 1.0) for each in ids)


def test_only_labels_and_fields_are_compared(tmp_path: Path) -> None:
    tasks = Tasks(services(tmp_path))
    compared = {name for name, task in tasks.items() if comparable(task)}
    assert compared == {"sentiment", "document_classification", "extraction"}
    fields = {"total": 12.5, "company": "ACME  Ltd", "note": None, "items": [{"a": None}]}
    same = {"company": "Acme Ltd", "total": 12.5, "items": [{}]}
    assert agree(fields, same, tasks["extraction"])
    assert not agree(fields, {**same, "total": 12.0}, tasks["extraction"])
    assert not agree(fields, {**same, "date": "2026-11-24"}, tasks["extraction"])


def test_a_sum_tells_nothing_across_runs() -> None:
    up = {"label": "up", "probabilities": {"up": 0.9}}
    assert output_sum("r1", up) == output_sum("r1", {"label": "up", "probabilities": {}})
    assert output_sum("r1", up) != output_sum("r2", up)
    assert output_sum("r1", up) != output_sum("r1", {"label": "down"})


@pytest.mark.parametrize(
    ("theirs", "same"),
    [
        ({"total": "80.90", "day": "25/12/2018", "shop": "Rex  Sdn. Bhd"}, True),
        ({"total": 80.9, "day": "2018-12-25", "shop": "REX SDN BHD", "note": ""}, True),
        ({"total": 80.9, "day": "2018-12-25"}, False),
        ({"total": 80.9, "day": "2018-12-26", "shop": "rex sdn bhd"}, False),
    ],
)
def test_fields_are_compared_by_value_as_in_an_evaluation(
    tmp_path: Path, theirs: dict[str, Any], same: bool
) -> None:
    ours = {"total": 80.9, "day": "2018-12-25", "shop": "Rex Sdn Bhd", "note": None}
    assert agree(ours, theirs, Tasks(FakeServices(tmp_path))["extraction"]) is same
