"""What is no answer to what was asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tandem.nodes.research.answering import declines, unanswered

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
    assert [each["gate"] for each in unanswered(text, COUNTED)] == gates


def test_other_questions_want_none() -> None:
    assert unanswered("The facility team [1].", "Who approves a locker?") == []


def test_no_right_answer_of_the_suite_lacks_a_number_where_one_is_asked() -> None:
    rows = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    meant = {row["input"]: row["expected"]["values"] for row in rows}
    answerable = {question: values for question, values in meant.items() if values}
    assert len(answerable) > 20
    for question, values in answerable.items():
        told = " and ".join(map(str, values))
        assert [e for e in unanswered(f"{told} [1]", question) if e["gate"] == "value"] == []


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
