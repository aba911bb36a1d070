"""Conclusions: citations and numbers are checked by code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.research.citing import completed, marks, uncited_numbers, unknown_marks
from tandem.nodes.research.concluding import (
    NONE_FOUND,
    NOT_FOUND,
    NOT_READ,
    conclude,
    conclude_messages,
)
from tests.unit.fakes import FakeTierCall
from tests.unit.nodes.research.pieces import finding, prepared, question, reading
from tests.unit.snapshots import assert_stored

LOCKER = finding()
CARD = finding("2", "A gym card costs 5 dollars.", question=1, value="5 dollars", source="gym.md")
BOTH = prepared(
    question="What do a locker and a gym card cost in 3 months?",
    questions=[question("What does a locker cost?"), question("What does a gym card cost?")],
)


def said(text: str, found: str = "all", **more: Any) -> str:
    return json.dumps({"found": found, "text": text, **more})


def test_the_prompt_is_the_stored_one() -> None:
    tier = FakeTierCall([said("A locker costs 8 dollars [1].")])
    conclude(BOTH, [LOCKER], tier, may_ask=True)
    assert_stored("research_conclude", tier.prompts[0])


def test_what_could_not_be_read_is_not_told_as_absent() -> None:
    known = {**BOTH, "readings": [reading("failed", question=1)]}
    for readings, told in ((known["readings"], NOT_READ), ([], NONE_FOUND)):
        messages = conclude_messages({**known, "readings": readings}, [LOCKER])
        assert messages[-1]["content"].endswith(f"What does a gym card cost?\n{told}")


def test_cited_findings_are_told_with_their_spans() -> None:
    made = conclude(BOTH, [LOCKER, CARD], FakeTierCall([said("A locker costs 8 dollars [1].")]))
    assert made.output is not None
    assert made.output["found"]
    assert made.output["citations"] == [
        {
            "id": "1",
            "source": "lockers.md",
            "heading": "Lockers",
            "passage": "lockers.md#1",
            "span": [0, 25],
            "quote": "A locker costs 8 dollars.",
        }
    ]


def test_a_mark_that_is_missing_is_added_by_code() -> None:
    reply = said("A locker costs 8 dollars. A gym card costs 5 dollars.")
    made = conclude(BOTH, [LOCKER, CARD], FakeTierCall([reply]))
    assert made.output is not None
    assert made.output["text"] == "A locker costs 8 dollars [1]. A gym card costs 5 dollars [2]."


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("A locker costs 8 dollars [7].", "there is no finding 7"),
        ("A locker costs 8 dollars [1], 99 in all.", "99"),
        ("It costs 8 dollars [1], so 3 * 8 = 25 dollars.", "a calculation is wrong"),
    ],
)
def test_a_wrong_answer_is_asked_for_once_more(wrong: str, why: str) -> None:
    right = said("It costs 8 dollars [1], so 3 * 8 = 24 dollars.")
    tier = FakeTierCall([said(wrong), right])
    made = conclude(BOTH, [LOCKER, CARD], tier)
    assert why in tier.prompts[1].messages[-1]["content"]
    assert made.output is not None
    assert "24" in made.output["text"]


def test_a_number_may_come_from_the_request_a_citation_or_a_sum_that_is_right() -> None:
    text = "A locker costs 8 dollars [1]: 3 * 8 = 24 dollars in 3 months, 24 + 5 = 29 with [2]."
    assert uncited_numbers(text, [LOCKER, CARD], BOTH["question"]) == []
    assert uncited_numbers(text, [LOCKER], BOTH["question"]) == ["5", "29"]
    assert uncited_numbers("It costs 3 * 7 = 21 [1].", [LOCKER], BOTH["question"]) == ["7", "21"]


def test_nothing_found_is_said_in_plain_words() -> None:
    for reply in (said("Something.", "nothing"), said("I could not find it.", "part")):
        made = conclude(BOTH, [LOCKER], FakeTierCall([reply]))
        assert made.output == {
            "text": NOT_FOUND,
            "found": False,
            "answered": "nothing",
            "citations": [],
        }


@pytest.mark.parametrize("told", ["all", "part"])
def test_an_answer_to_a_part_is_told_as_one(told: str) -> None:
    made = conclude(BOTH, [LOCKER], FakeTierCall([said("A locker costs 8 dollars [1].", told)]))
    assert made.output is not None
    assert made.output["answered"] == told


def test_an_answer_without_the_number_that_was_asked_is_asked_for_once_more() -> None:
    asked = {**BOTH, "question": "How much does a locker cost?"}
    tier = FakeTierCall([said("A locker can be had [1]."), said("A locker costs 8 dollars [1].")])
    made = conclude(asked, [LOCKER], tier)
    assert made.output is not None
    assert made.output["text"] == "A locker costs 8 dollars [1]."
    assert "asks for a number" in tier.prompts[1].messages[-1]["content"]


def test_more_is_asked_only_where_something_is_missing() -> None:
    more = [{"question": "What does a card cost?", "kind": "number"}] * 2
    reply = said("A locker costs 8 dollars [1].", "part", more=more)
    assert conclude(BOTH, [LOCKER], FakeTierCall([reply]), may_ask=True).more == more[:1]
    complete = said("A locker costs 8 dollars [1].", more=more)
    assert conclude(BOTH, [LOCKER], FakeTierCall([complete]), may_ask=True).more == []


@pytest.mark.parametrize("reply", ["", "no JSON", "{}", "[]", '{"found":"all"}', '{"found": 1}'])
def test_what_cannot_be_read_is_no_answer(reply: str) -> None:
    assert conclude(BOTH, [LOCKER], FakeTierCall([reply])).output is None


def test_a_second_answer_that_cannot_be_read_leaves_the_first_to_the_gates() -> None:
    tier = FakeTierCall([said("A locker costs 8 dollars [7]."), "no JSON"])
    made = conclude(BOTH, [LOCKER], tier)
    assert made.output is not None
    assert unknown_marks(made.output["text"], [LOCKER]) == ["7"]


def test_marks_are_read_in_either_form() -> None:
    assert marks("One [1], two [2, 3] and one [01] again; no [x].") == ["1", "2", "3"]


@given(st.text(), st.lists(st.text(max_size=50), max_size=3))
def test_completing_adds_marks_of_findings_and_changes_no_word(
    text: str, quotes: list[str]
) -> None:
    findings = [finding(str(at), quote) for at, quote in enumerate(quotes, start=1)]
    made = completed(text, findings, "")
    added = set(marks(made)) - set(marks(text))
    assert added <= {one["id"] for one in findings}
    if not added:
        assert made == text
