"""What is no answer to what was asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tandem.nodes.research.answering import declines, doubts, unanswered

ROWS = Path(__file__).parents[4] / "evals" / "datasets" / "handbook_research.jsonl"
COUNTED = "How many lockers are there, and how much do they cost?"


@pytest.mark.parametrize(
    ("text", "gates"),
    [
        ("There are 12, at 8 dollars each [1].", []),
        ("There are twelve [1].", []),
        ("A locker is free [1].", []),
        ("There are many lockers, which are cheap [1].", ["value"]),
        ("Many lockers, which cost much [1].", ["says_nothing", "value"]),
    ],
)
def test_a_question_for_a_number_wants_one(text: str, gates: list[str]) -> None:
    assert [each["gate"] for each in unanswered(text, COUNTED, "all")] == gates


def test_other_questions_want_none() -> None:
    assert unanswered("The facility team [1].", "Who approves a locker?", "all") == []
    assert doubts("The facility team [1].", "Who approves a locker?", "all") == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How many languages are supported?", "English, German and French are supported [1]."),
        ("How many languages are supported?", "English and German are supported [1]."),
        ("How much is the fee?", "The fee is waived for members [1]."),
        ("How many members voted for it?", "Most members voted for it [1]."),
        ("How many people came?", "Only a few came [1]."),
    ],
)
def test_a_number_may_be_said_without_figures(question: str, text: str) -> None:
    assert unanswered(text, question, "all") == []
    assert doubts(text, question, "all") == []


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who decides how much is paid?", "The board decides [1]."),
        ("How many days, and who approves?", "The line manager approves it [1]."),
        ("How many days are there? Who approves?", "The line manager approves it [1]."),
    ],
)
def test_where_more_than_a_number_is_asked_its_absence_is_a_doubt(question: str, text: str) -> None:
    assert unanswered(text, question, "all") == []
    assert doubts(text, question, "all") == [
        "doubtful: the request asks for a number, and the answer has none"
    ]
    assert doubts(text, question, "part") == []


def test_an_honest_part_wants_no_number() -> None:
    text, question = "Lockers stand in the hall [1].", "How many lockers are there?"
    assert unanswered(text, question, "part") == []
    assert [one["gate"] for one in unanswered(text, question, "all")] == ["value"]


def test_no_right_answer_of_the_suite_lacks_a_number_where_one_is_asked() -> None:
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    meant = {row["input"]: row["expected"]["values"] for row in rows}
    answerable = {question: values for question, values in meant.items() if values}
    assert len(answerable) > 20
    for question, values in answerable.items():
        told = " and ".join(map(str, values))
        assert [e for e in unanswered(f"{told} [1]", question, "all") if e["gate"] == "value"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I could not find the price.", True),
        ("I could not find the price of a locker [1].", True),
        ("I could not find a card. A locker costs little [1].", False),
        ("I could not find a card, but a locker costs 8 dollars [1].", False),
        ("A locker costs 8 dollars [1].", False),
    ],
)
def test_a_mark_makes_no_answer_of_a_refusal(text: str, expected: bool) -> None:
    assert declines(text) is expected
