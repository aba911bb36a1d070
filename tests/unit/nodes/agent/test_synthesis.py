from __future__ import annotations

import json
from typing import Any, cast

import pytest

from tandem.errors import InvalidRequest, ModelUnavailable
from tandem.nodes.agent.synthesis import synthesise, synthesise_messages
from tandem.nodes.agent.task import UNUSED, Agent
from tandem.records import Profile, Step, Verdict
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.nodes.agent.steps import done_step, failed_step

PASSAGE = {
    "id": "leave#1",
    "source": "leave.md",
    "heading": "Leave",
    "text": "You earn six hours of leave per pay period. The office opens at 9.",
    "score": 0.9,
}
SEARCHED: Step = done_step(
    "s1",
    "search_knowledge",
    {
        "passages": [{**PASSAGE, "id": "other#1"}, PASSAGE],
        "value": 6,
        "unit": "hours",
        "source": "leave#1",
        "span": [0, 43],
        "quote": "You earn six hours of leave per pay period.",
    },
    query="hours of leave per pay period",
)
COMPUTED: Step = done_step("s2", "calculate", 11.1428571429, expression="$s1 * 13 / 7")
FAILED: Step = {**failed_step("s3", "search_knowledge", query="rent"), "error": "not found"}
PREPARED = {
    "request_text": "How many hours in 13 pay periods, by the week?",
    "steps": [SEARCHED, COMPUTED, FAILED],
    "limit": "",
}
NOTE = "\n\nThis answer is not complete. s3 search_knowledge: not found"
AGENT = Agent()


def answer(text: str, *citations: str) -> str:
    return json.dumps({"text": text, "citations": list(citations)})


def gates(*replies: Any, prepared: Any = PREPARED) -> list[str]:
    attempt = AGENT.attempt(prepared, FakeTierCall(replies, name="llm"))
    return [failure["gate"] for failure in AGENT.check(prepared, attempt)]


def test_an_answer_from_the_results_leaves_with_the_ids_it_cites() -> None:
    llm = FakeTierCall([answer("You earn 6 hours, so 11.14 in 13 periods.", "p1", "p1")])
    attempt = AGENT.attempt(PREPARED, llm)
    assert attempt["output"] == {
        "text": "You earn 6 hours, so 11.14 in 13 periods." + NOTE,
        "citations": ["leave#1"],
        "incomplete": ["s3 search_knowledge: not found"],
    }
    assert AGENT.check(PREPARED, attempt) == []


def test_the_prompt_shows_values_sums_failures_and_only_the_passage_of_the_value() -> None:
    shown = synthesise_messages(PREPARED)[-1]["content"]
    assert shown.splitlines() == [
        "Request: How many hours in 13 pay periods, by the week?",
        "s1 search_knowledge (hours of leave per pay period): 6 hours",
        "<passage p1>Leave: You earn six hours of leave per pay period.</passage>",
        "s2 calculate ((6) * 13 / 7): 11.1428571429",
        "s3 search_knowledge (rent): failed: not found",
    ]


@pytest.mark.parametrize("number", ["11.14", "11.1", "11", "13", "6", "7"])
def test_numbers_of_the_work_are_grounded(number: str) -> None:
    assert gates(answer(f"It is {number}.")) == []


@pytest.mark.parametrize("number", ["11.2", "12", "78", "1.114", "5"])
def test_a_number_from_nowhere_is_asked_for_again_and_then_rejected(number: str) -> None:
    wrong = answer(f"It is {number}.")
    assert gates(wrong, wrong) == ["grounded"]
    llm = FakeTierCall([wrong, answer("It is 11.14.")])
    attempt = AGENT.attempt(PREPARED, llm)
    assert AGENT.check(PREPARED, attempt) == []
    assert attempt["calls"] == 2
    assert number in llm.prompts[1].messages[-1]["content"]


@pytest.mark.parametrize(
    ("reply", "gate"),
    [
        (answer(""), "not_empty"),
        (answer("I'm sorry, but I cannot answer that."), "not_refusal"),
        ("{no json", "not_empty"),
        (answer("It is 6.", "p9"), "not_empty"),
        (completion(answer("It is 6 hours and"), finish="length"), "not_truncated"),
    ],
)
def test_hard_gates(reply: Any, gate: str) -> None:
    assert gate in gates(reply)


def test_a_citation_that_no_step_returned_is_rejected() -> None:
    attempt = FakeTierCall().attempt({"text": "It is 6.", "citations": ["made-up#1"]})
    assert [f["gate"] for f in AGENT.check(PREPARED, attempt)] == ["cited"]


def test_without_any_result_no_model_is_asked_and_nothing_is_served() -> None:
    prepared = {**PREPARED, "steps": [FAILED]}
    attempt = AGENT.attempt(prepared, FakeTierCall())
    assert "search_knowledge: not found" in attempt["output"]["text"]
    assert [f["gate"] for f in AGENT.check(prepared, attempt)] == ["no_result"]


def test_a_repair_is_told_what_was_wrong() -> None:
    llm = FakeTierCall([answer("It is 6.")])
    verdict: Verdict = {
        "attempt_id": "x",
        "accepted": False,
        "score": None,
        "threshold": None,
        "failed": [{"gate": "not_refusal", "detail": "declined"}],
    }
    AGENT.repair(PREPARED, FakeTierCall().attempt(None), verdict, llm)
    assert "not_refusal: declined" in llm.prompts[0].messages[-1]["content"]


def test_a_failing_model_is_raised() -> None:
    with pytest.raises(ModelUnavailable):
        AGENT.attempt(PREPARED, FakeTierCall([ModelUnavailable("down")]))


def test_a_request_without_text_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        AGENT.prepare({"text": "  "}, cast("Profile", {}))


def test_a_complete_answer_is_the_model_s_alone() -> None:
    prepared = {**PREPARED, "steps": [SEARCHED, COMPUTED]}
    output = AGENT.attempt(prepared, FakeTierCall([answer("It is 6.")]))["output"]
    assert output == {"text": "It is 6.", "citations": [], "incomplete": []}
    assert AGENT.judge(prepared, FakeTierCall().attempt(output)).notes == []


def test_what_is_lacking_is_told_in_text_and_reasons_whatever_the_model_wrote() -> None:
    late = "the limit of 5 s is reached (limits.agent_seconds)"
    prepared = {**PREPARED, "limit": late}
    attempt = AGENT.attempt(prepared, FakeTierCall([answer("It is 6.")]))
    assert attempt["output"]["text"] == f"It is 6.{NOTE}; {late}"
    assert AGENT.check(prepared, attempt) == []
    partial = "partial: nothing came of s3 (search_knowledge)"
    assert AGENT.judge(prepared, attempt).notes == [partial, late]


def test_a_number_that_no_step_used_is_a_doubt() -> None:
    prepared = {**PREPARED, "steps": [SEARCHED, COMPUTED]}
    attempt = FakeTierCall().attempt(None)
    assert AGENT.judge(prepared, attempt).notes == []
    prepared["request_text"] = "How many hours in 12 pay periods?"
    assert AGENT.judge(prepared, attempt).notes == [UNUSED]


def test_several_failures_are_one_sentence() -> None:
    steps = [failed_step("s1", "look"), failed_step("s2", "look")]
    prepared = {"request_text": "?", "steps": steps, "limit": ""}
    text = synthesise(prepared, FakeTierCall([], name="llm"))["output"]["text"]
    assert text.endswith("look: not found; look: not found.")
    assert ".;" not in text
