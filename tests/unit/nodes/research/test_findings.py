"""What survives of the readings, and what is counted of them."""

from __future__ import annotations

import pytest

from tandem.nodes.research.findings import coverage, open_questions, survivors
from tests.unit.nodes.research.pieces import LEAVE, passage, question, reading

SPAN = [LEAVE.index("Everybody"), len(LEAVE)]


def test_empties_and_repetitions_are_dropped() -> None:
    second = passage("other.md#1", "Sick leave: 4 hours.", score=0.4)
    found = survivors(
        [
            reading("empty", value="", span=[]),
            reading(value="four hours", span=SPAN, fit=0.9),
            reading(value="Four  hours.", span=[0, 20], passage="other.md#1", fit=0.3),
            reading(value="hours", span=SPAN, fit=0.2),
        ],
        [passage(), second],
    )
    assert [(one["id"], one["value"]) for one in found] == [("1", "four hours")]
    assert found[0]["quote"] == LEAVE[SPAN[0] : SPAN[1]]


def test_the_best_few_of_each_question_are_kept_in_the_order_of_the_questions() -> None:
    readings = [
        reading(question=at, value=f"{at} and {number}", fit=number / 20, span=[number, number + 5])
        for at in (1, 0)
        for number in range(5)
    ]
    found = survivors(readings, [passage()])
    assert [(one["question"], one["value"]) for one in found] == [
        (0, "0 and 4"),
        (0, "0 and 3"),
        (1, "1 and 4"),
        (1, "1 and 3"),
    ]
    assert [one["id"] for one in found] == ["1", "2", "3", "4"]


def test_what_fits_much_worse_than_the_best_is_dropped() -> None:
    readings = [reading(value="8", fit=0.9), reading(value="35", fit=0.2, span=[0, 26])]
    assert [one["value"] for one in survivors(readings, [passage()])] == ["8"]


def test_a_reading_of_a_passage_that_nobody_knows_is_no_finding() -> None:
    assert survivors([reading(passage="nowhere#1")], [passage()]) == []


def test_coverage_counts_every_outcome() -> None:
    outcomes = ("found", "found", "empty", "ungrounded", "truncated", "failed")
    told = coverage([question(), question("What else?")], [reading(one) for one in outcomes], 1, 3)
    assert told == {
        "questions": 2,
        "answered_questions": 1,
        "rounds": 1,
        "asked": 6,
        "answered": 2,
        "truncated": 1,
        "failed": 1,
        "left_out": 3,
        "passages": 1,
        "documents": None,
    }


@pytest.mark.parametrize("outcome", ["failed", "truncated"])
def test_a_passage_that_no_reader_could_read_does_not_count_as_read(outcome: str) -> None:
    assert coverage([question()], [reading(outcome)], 1)["passages"] == 0


def test_a_question_without_a_finding_is_open() -> None:
    found = survivors([reading()], [passage()])
    assert not open_questions([question()], found)
    assert open_questions([question(), question("What else?")], found)
