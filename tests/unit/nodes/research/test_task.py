"""The gates of research, and what it does on one tier alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.nodes.research.conclude import one_prompt_usage
from tandem.nodes.research.task import Research, findings_of
from tandem.records import Attempt
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.nodes.knowledge import hit
from tests.unit.nodes.research.pieces import passage, prepared, reading
from tests.unit.services import FakeServices

PROFILE: Any = {}
RIGHT = '{"found":"all","text":"A locker costs 8 dollars [1]."}'


@pytest.fixture
def task(tmp_path: Path) -> Research:
    made = FakeServices(tmp_path)
    made.hits = [hit("lockers.md", "Lockers", "A locker costs 8 dollars.", 0.8)]
    return Research(made)


def attempt(output: Any, **fields: Any) -> Attempt:
    made: Any = {**FakeTierCall([]).attempt(output), "finish": "stop", **fields}
    return made  # type: ignore[no-any-return]


def output(text: str, *citations: str, found: bool = True) -> dict[str, Any]:
    return {"text": text, "found": found, "citations": [{"id": one} for one in citations]}


@pytest.mark.parametrize(
    ("made", "gates"),
    [
        (attempt(output("A locker costs 8 dollars [1].", "1")), []),
        (attempt(output("Nothing.", found=False)), []),
        (attempt(None), ["not_empty"]),
        (attempt(output("It costs 8 [1].", "1"), finish="length"), ["not_truncated"]),
        (attempt({"found": True}), ["schema"]),
        (attempt("text"), ["schema"]),
        (attempt(output("A locker costs little.")), ["cited"]),
        (attempt(output("A locker costs 8 dollars [4].", "4")), ["cited", "numbers"]),
        (attempt(output("A locker costs 9 dollars [1].", "1")), ["numbers"]),
        (attempt(output("It costs 8 [1], so 2 * 8 = 17.", "1")), ["numbers", "arithmetic"]),
    ],
)
def test_the_gates(task: Research, made: Attempt, gates: list[str]) -> None:
    assert [failure["gate"] for failure in task.check(prepared(), made)] == gates


def test_a_number_that_is_lacking_beside_another_question_is_noted(task: Research) -> None:
    known = {**prepared(), "question": "Who decides how much is paid?"}
    made = attempt({**output("The board decides [1].", "1"), "answered": "all"})
    assert [each["gate"] for each in task.check(known, made)] == []
    assert "asks for a number" in task.judge(known, made).notes[0]
    assert not task.judge(known, attempt(output("", found=False))).notes
    assert not task.judge(known, attempt(None)).notes


def test_on_one_tier_the_passages_are_read_in_one_prompt(task: Research) -> None:
    ready = task.prepare({"text": "What does a locker cost?"}, PROFILE)
    tier = FakeTierCall([RIGHT])
    made = task.attempt(ready, tier)
    assert task.check(ready, made) == []
    assert made["output"]["citations"][0]["passage"] == "lockers.md#1"
    assert "A locker costs 8 dollars." in tier.prompts[0].messages[-1]["content"]


def test_without_passages_a_rule_answers(task: Research) -> None:
    made = task.attempt(prepared(readings=[], findings=[], passages=[]), FakeTierCall([]))
    assert (made["tier"], made["output"]["found"]) == ("rule", False)


def test_a_repair_is_told_what_was_wrong(task: Research) -> None:
    verdict: Any = {"failed": [{"gate": "numbers", "detail": "1 number stands nowhere"}]}
    tier = FakeTierCall([RIGHT])
    made = task.repair(prepared(), attempt(None), verdict, tier)
    assert "numbers: 1 number stands nowhere" in tier.prompts[0].messages[-1]["content"]
    assert made["output"]["found"]


def test_passages_that_no_reader_answered_on_are_read_whole() -> None:
    some = [passage("a#1"), passage("b#1")]
    readings = [reading("failed", passage="a#1"), reading("empty", passage="b#1")]
    left = findings_of(prepared(findings=[], readings=readings, passages=some))
    assert [one["passage"] for one in left] == ["a#1"]
    readings[0]["outcome"] = "truncated"
    half = [*readings, reading("empty", passage="a#1", question=1)]
    left = findings_of(prepared(findings=[], readings=half, passages=some))
    assert [one["passage"] for one in left] == ["a#1"], "one of its questions was not answered"
    readings[0]["outcome"] = "ungrounded"
    assert findings_of(prepared(findings=[], readings=readings, passages=some)) == []


def test_all_llm_is_one_prompt_over_all_passages() -> None:
    little, much = (one_prompt_usage("What?", [passage()] * count) for count in (1, 9))
    grown = len(passage()["text"]) + len(passage()["heading"])
    assert much["input_tokens"] - little["input_tokens"] == pytest.approx(8 * grown / 4, abs=1)


def test_a_model_that_writes_json_of_another_shape_is_rejected(task: Research) -> None:
    ready = prepared()
    for reply in (json.dumps([1]), json.dumps({"found": "all"}), completion("")):
        assert task.check(ready, task.attempt(ready, FakeTierCall([reply])))
