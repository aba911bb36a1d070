"""The task `reasoning` on a fake tier: calculated and free work, the second try, typed answers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tandem.errors import InvalidRequest
from tandem.nodes.reason import Reason, final_answer
from tandem.records import Attempt, Profile, Request, Verdict
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.snapshots import assert_stored

NO_PROFILE = cast(Profile, {})
PROBLEM = "James runs 3 sprints of 60 meters 3 times a week. How many meters is that a week?"
CALCULATED = (
    "# Each day he runs 3 sprints.\nday = 3 * 60\n# A week has 3 such days.\nanswer = day * 3"
)
TOLD = (
    "Each day he runs 3 sprints.\nday = 3 * 60 = 180\n"
    "A week has 3 such days.\nanswer = day * 3 = 540"
)
STRANGE = "answer = 17 * 60"
FREE = "Each day: 3 * 60 = 180\nA week: 180 * 3 = 540\nAnswer: 540"
WRONG = "3 * 60 = 190\nAnswer: 570"
RIDDLE = "Ann is older than Bo, and Bo is older than Cy. Who is the youngest?"
SCHEMA = {"type": "object", "properties": {"meters": {"type": "number"}}}
TWO_FIELDS = {
    "type": "object",
    "properties": {"meters": {"type": "number"}, "unit": {"type": "string"}},
}


def answered(*replies: Any, text: str = PROBLEM, **request: Any) -> tuple[Attempt, list[str], Any]:
    """The attempt with these replies, the gates that it does not pass, and the tier."""
    task, tier = Reason(), FakeTierCall(replies, name="llm")
    prepared = task.prepare(cast(Request, {"text": text, **request}), NO_PROFILE)
    attempt = task.attempt(prepared, tier)
    return attempt, [failure["gate"] for failure in task.check(prepared, attempt)], tier


def test_a_number_is_computed_by_code() -> None:
    attempt, failed, tier = answered(CALCULATED)
    assert attempt["output"]["work"] == TOLD
    assert attempt["output"]["answer"] == "540"
    assert [step["value"] for step in attempt["output"]["steps"]] == [180.0, 540.0]
    assert failed == []
    assert attempt["signals"]["min_logprob"] == -0.01
    assert_stored("reasoning_calculated", tier.prompts[0])


def test_one_shot_asks_once_without_the_calculator() -> None:
    task, tier = Reason(), FakeTierCall([WRONG], name="llm")
    prepared = task.prepare(cast(Request, {"text": PROBLEM}), NO_PROFILE)
    assert task.one_shot(prepared, tier)["output"] == {"work": WRONG, "answer": "570", "steps": []}
    assert len(tier.prompts) == 1


def test_other_questions_are_worked_out_freely() -> None:
    attempt, failed, tier = answered("Bo is younger than Ann.\nAnswer: Cy", text=RIDDLE)
    assert attempt["output"] == {
        "work": "Bo is younger than Ann.\nAnswer: Cy",
        "answer": "Cy",
        "steps": [],
    }
    assert failed == []
    assert_stored("reasoning", tier.prompts[0])


@pytest.mark.parametrize("first", [STRANGE, "answer = unknown * 3", "It is far."])
def test_numbers_that_do_not_check_are_worked_out_once_more(first: str) -> None:
    attempt, failed, tier = answered(first, FREE)
    assert (attempt["output"]["answer"], attempt["output"]["steps"]) == ("540", [])
    assert failed == []
    assert attempt["signals"]["second_work"] == 1.0
    assert "step by step" in tier.prompts[1].messages[0]["content"]


def test_what_fails_twice_is_marked() -> None:
    attempt, failed, tier = answered("answer = 60 * 3 * 3 * 17", WRONG)
    assert failed == ["given"]
    assert attempt["output"]["answer"] == "9180"
    assert len(tier.prompts) == 2


def test_a_wrong_sum_of_free_work_is_named_and_tried_again() -> None:
    riddle = f"{RIDDLE} Show that 3 * 60 is 180."
    attempt, failed, tier = answered(WRONG, "3 * 60 = 180\nAnswer: Cy", text=riddle)
    assert (attempt["output"]["answer"], failed) == ("Cy", [])
    assert "3 * 60 is 180." in tier.prompts[1].messages[-1]["content"]


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (SCHEMA, {"meters": 540}),
        ({"type": "integer"}, 540),
        (
            {"type": "object", "properties": {"m": {"type": "integer"}}, "required": ["m"]},
            {"m": 540},
        ),
    ],
)
def test_a_schema_of_one_number_is_filled_by_code(schema: Any, answer: Any) -> None:
    attempt, failed, tier = answered(CALCULATED, output_schema=schema)
    assert attempt["output"]["answer"] == answer
    assert (failed, len(tier.prompts)) == ([], 1)


@pytest.mark.parametrize(
    ("typed", "gates"),
    [
        ('{"meters": 540, "unit": "m"}', []),
        ('{"meters": 600, "unit": "m"}', ["concludes"]),
        ('{"meters": 180, "unit": "m"}', ["concludes"]),
        ('{"meters": "far"}', ["schema"]),
        ('{"meters": 54', ["not_empty", "schema"]),
    ],
)
def test_a_typed_answer_has_the_computed_number(typed: str, gates: list[str]) -> None:
    attempt, failed, tier = answered(CALCULATED, typed, output_schema=TWO_FIELDS)
    assert failed == gates
    assert tier.prompts[1].schema == TWO_FIELDS
    assert tier.prompts[1].messages[-2] == {"role": "assistant", "content": TOLD}
    assert attempt["output"]["work"] == TOLD


def test_free_work_comes_before_its_typed_answer() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    attempt, failed, tier = answered(
        "It is Cy.", '{"name": "Cy"}', text=RIDDLE, output_schema=schema
    )
    assert attempt["output"]["answer"] == {"name": "Cy"}
    assert failed == []
    assert [prompt.schema for prompt in tier.prompts] == [None, schema]


@pytest.mark.parametrize(
    ("replies", "gates"),
    [
        (["I think it is Cy.", "no JSON"], ["not_empty"]),
        (["I'm sorry, but I cannot help with that.\nAnswer: none"], ["not_refusal"]),
        ([completion("Bo is", finish="length")], ["not_truncated"]),
    ],
)
def test_work_that_is_not_sound_is_rejected(replies: list[Any], gates: list[str]) -> None:
    assert answered(*replies, text=RIDDLE)[1] == gates


def test_work_that_was_cut_off_asks_for_no_typed_answer() -> None:
    attempt, failed, _ = answered(
        completion("Bo is", finish="length"), text=RIDDLE, output_schema=SCHEMA
    )
    assert attempt["calls"] == 1
    assert failed == ["not_truncated"]


@pytest.mark.parametrize(
    ("work", "gates"),
    [
        ("3 * 60 = 180\nAnswer: 200", ["concludes"]),
        ("3 * 60 = 180\nAnswer: 180 meters", []),
        ("10 / 3 = 3.333\nAnswer: about 3.3", []),
        ("1 / 4 = 0.25\nAnswer: 25%", []),
        ("He runs far.\nAnswer: 200", []),
    ],
)
def test_an_answer_follows_from_its_own_work(work: str, gates: list[str]) -> None:
    _, failed, _ = answered(STRANGE, work)
    assert failed == gates


def test_an_invalid_schema_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not valid"):
        answered(output_schema={"type": 12})


def test_a_ready_schema_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="ready schema"):
        answered(output_schema="invoice")


@pytest.mark.parametrize("typed", ['{"answer":"12"}', '{"answer":12}'])
def test_work_without_an_answer_line_is_asked_for_its_answer(typed: str) -> None:
    attempt, failed, _ = answered("So the total is 12.", typed, text=RIDDLE)
    assert attempt["output"]["answer"] == "12"
    assert failed == []


def test_repair_is_to_try_again() -> None:
    task, llm = Reason(), FakeTierCall([CALCULATED], name="llm")
    prepared = task.prepare({"text": PROBLEM}, NO_PROFILE)
    rejected = task.attempt(prepared, FakeTierCall([STRANGE, WRONG]))
    assert task.repair(prepared, rejected, cast(Verdict, {}), llm)["output"]["answer"] == "540"


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
