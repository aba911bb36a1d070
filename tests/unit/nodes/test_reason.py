"""The tasks that start on the LLM, on a fake tier."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tandem.errors import InvalidRequest
from tandem.nodes.reason import INSTRUCTIONS, Reason, final_answer
from tandem.records import Attempt, Profile, Request, Verdict
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.snapshots import assert_stored

NO_PROFILE = cast(Profile, {})
PROBLEM = "James runs 3 sprints of 60 meters 3 times a week. How many meters is that a week?"
WORK = "Each day: 3 * 60 = 180\nA week: 180 * 3 = 540\nAnswer: 540"
SCHEMA = {"type": "object", "properties": {"meters": {"type": "number"}}}


def answered(
    *replies: Any, name: str = "reasoning", **request: Any
) -> tuple[Attempt, list[str], FakeTierCall]:
    """The attempt with these replies, the gates that it does not pass, and the tier."""
    task, tier = Reason(name=name), FakeTierCall(replies, name="llm")
    prepared = task.prepare(cast(Request, {"text": PROBLEM, **request}), NO_PROFILE)
    attempt = task.attempt(prepared, tier)
    return attempt, [failure["gate"] for failure in task.check(prepared, attempt)], tier


def test_reasoning_gives_the_work_and_the_answer() -> None:
    attempt, failed, tier = answered(WORK)
    assert attempt["output"] == {"work": WORK, "answer": "540"}
    assert failed == []
    assert attempt["signals"]["min_logprob"] == -0.01
    assert_stored("reasoning", tier.prompts[0])


def test_a_schema_asks_for_the_typed_answer_after_the_work() -> None:
    attempt, failed, tier = answered(WORK, '{"meters": 540}', output_schema=SCHEMA)
    assert attempt["output"] == {"work": WORK, "answer": {"meters": 540}}
    assert failed == []
    assert tier.prompts[0].schema is None
    assert tier.prompts[1].schema == SCHEMA
    assert tier.prompts[1].messages[:3] == [
        *tier.prompts[0].messages,
        {"role": "assistant", "content": WORK},
    ]


@pytest.mark.parametrize(
    ("replies", "gates"),
    [
        (["3 * 60 = 190\nAnswer: 570"], ["arithmetic"]),
        (["I think it is far.", "no JSON"], ["not_empty"]),
        (["I'm sorry, but I cannot help with that.\nAnswer: none"], ["not_refusal"]),
        ([completion("3 * 60 = 1", finish="length")], ["not_truncated"]),
    ],
)
def test_work_that_is_not_sound_is_rejected(replies: list[Any], gates: list[str]) -> None:
    assert answered(*replies)[1] == gates


def test_work_that_was_cut_off_asks_for_no_typed_answer() -> None:
    attempt, failed, _ = answered(completion("3 *", finish="length"), output_schema=SCHEMA)
    assert attempt["calls"] == 1
    assert failed == ["not_truncated"]


def test_a_typed_answer_that_is_no_json_is_rejected() -> None:
    assert answered(WORK, '{"meters": 54', output_schema=SCHEMA)[1] == ["not_empty"]


def test_a_typed_answer_of_another_schema_is_rejected() -> None:
    assert answered(WORK, '{"meters": "far"}', output_schema=SCHEMA)[1] == ["schema"]
    assert answered(WORK, "540", output_schema={"type": "number"})[1] == []


def test_an_invalid_schema_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not valid"):
        answered(WORK, output_schema={"type": 12})


def test_a_ready_schema_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="ready schema"):
        answered(output_schema="invoice")


@pytest.mark.parametrize("name", ["longform", "contract_review", "research"])
def test_the_others_give_a_text_over_the_documents(name: str) -> None:
    documents = [{"name": "a.md", "text": "Clause 1: thirty days."}]
    attempt, failed, tier = answered("Thirty days.", name=name, documents=documents)
    assert attempt["output"] == {"text": "Thirty days."}
    assert failed == []
    assert "Document a.md:\nClause 1" in tier.prompts[0].messages[-1]["content"]
    assert_stored(name, tier.prompts[0])


@pytest.mark.parametrize(
    ("reply", "gates"),
    [
        ("", ["not_empty"]),
        ("As an AI, I cannot do that.", ["not_refusal"]),
        (completion("And then", finish="length"), ["not_truncated"]),
    ],
)
def test_a_text_that_is_none_is_rejected(reply: Any, gates: list[str]) -> None:
    assert answered(reply, name="longform")[1] == gates


@pytest.mark.parametrize("typed", ['{"answer":"12"}', '{"answer":12}'])
def test_work_without_an_answer_line_is_asked_for_its_answer(typed: str) -> None:
    attempt, failed, _ = answered("So the total is 12.", typed)
    assert attempt["output"] == {"work": "So the total is 12.", "answer": "12"}
    assert failed == []


def test_repair_is_to_try_again() -> None:
    task, llm = Reason(), FakeTierCall([WORK], name="llm")
    prepared = task.prepare({"text": PROBLEM}, NO_PROFILE)
    rejected = task.attempt(prepared, FakeTierCall(["No.", "{}"]))
    assert task.repair(prepared, rejected, cast(Verdict, {}), llm)["output"]["answer"] == "540"


def test_every_task_that_starts_here_starts_on_the_llm() -> None:
    assert {Reason(name=name).first_tier for name in INSTRUCTIONS} == {"llm"}


@pytest.mark.parametrize(
    ("work", "answer"),
    [
        ("Answer: 540", "540"),
        ("**Answer:** 540 meters", "540 meters"),
        ("**Final answer: 540**", "540"),
        ("Answer: 1\nNo.\nanswer: 2\n", "2"),
        ("The answer is 540", None),
        ("Answer:", None),
        ("", None),
    ],
)
def test_the_last_answer_line_counts(work: str, answer: str | None) -> None:
    assert final_answer(work) == answer
