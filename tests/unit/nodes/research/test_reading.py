"""Readers: a value counts only where it stands in the passage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import ModelUnavailable
from tandem.nodes.research.reading import find_place, read
from tandem.nodes.research.records import Job
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.nodes.research.pieces import LEAVE, passage, question
from tests.unit.snapshots import assert_stored

DOWN = ModelUnavailable("No model of the tier answered.", "Look at it.")
SICK = question("How many hours of sick leave are earned a pay period?")
ANNUAL = question("How many hours of annual leave are earned with 5 years?")


def job(*questions: object) -> Job:
    return {
        "passage": passage(),
        "questions": {str(at): one for at, one in enumerate(questions)},  # type: ignore[misc]
    }


def test_the_prompt_is_the_stored_one() -> None:
    tier = FakeTierCall(['{"value":null}'])
    read(job(SICK), tier)
    assert_stored("research_read", tier.prompts[0])


def test_the_questions_of_a_passage_share_all_but_the_last_line_of_the_prompt() -> None:
    tier = FakeTierCall(['{"value":null}'] * 2)
    read(job(SICK, ANNUAL), tier)
    first, second = ("\n".join(m["content"] for m in one.messages) for one in tier.prompts)
    assert first.rsplit("\n", 1)[0] == second.rsplit("\n", 1)[0]


def test_a_heading_without_end_is_cut() -> None:
    tier = FakeTierCall(['{"value":null}'])
    read({"passage": passage(heading="x" * 90_000), "questions": {"0": SICK}}, tier)
    assert len(tier.prompts[0].messages[-1]["content"]) < 1500


def test_code_finds_the_sentence_of_a_value() -> None:
    readings, failure = read(job(SICK, ANNUAL), FakeTierCall(['{"value":"four hours"}'] * 2))
    assert failure is None
    start, end = readings[0]["span"]
    assert LEAVE[start:end] == "Everybody earns four hours of sick leave per pay period."
    assert readings[0]["outcome"] == "found"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ('{"value":null}', "empty"),
        ('{"value":"  ?"}', "empty"),
        ('{"value":"999 hours"}', "ungrounded"),
        ('{"value":"sick leave"}', "ungrounded"),  # a number is asked for
        ("four hours", "failed"),
        ('{"other":1}', "failed"),
        ("[]", "failed"),
        ("7", "failed"),
        (completion('{"value":"fo', finish="length"), "truncated"),
    ],
)
def test_what_is_no_value_of_the_passage_is_told_apart(reply: object, outcome: str) -> None:
    readings, _ = read(job(SICK), FakeTierCall([reply]))  # type: ignore[list-item]
    assert (readings[0]["outcome"], readings[0]["value"]) == (outcome, "")


def test_a_reader_that_fails_loses_its_own_readings_only_from_there_on() -> None:
    readings, failure = read(job(SICK, ANNUAL), FakeTierCall(['{"value":"four hours"}', DOWN]))
    assert [one["outcome"] for one in readings] == ["found", "failed"]
    assert failure is not None
    assert failure["code"] == "model_unavailable"


def test_a_number_word_stands_for_its_digits() -> None:
    place = find_place("4 hours of sick leave", SICK, passage())
    assert place is not None
    assert "four hours" in LEAVE[place.start : place.end]


def test_of_a_long_question_a_sentence_need_not_hold_much() -> None:
    asked = (
        "How many weeks of FMLA remain in the year after next for someone who went on it before?"
    )
    text = "You went on leave in March. You will only have 8 weeks of FMLA until then."
    place = find_place("8 weeks", question(asked), passage(text=text, heading="Family leave"))
    assert place is not None
    assert text[place.start : place.end].startswith("You will only have 8 weeks")


def test_a_sentence_about_something_else_does_not_count() -> None:
    other = passage(text="The office has 35 windows.", heading="Building")
    assert find_place("35", SICK, other) is None


@given(st.text(), st.text(), st.text())
def test_a_place_is_always_inside_the_passage(value: str, asked: str, text: str) -> None:
    place = find_place(value, question(asked, "text"), passage(text=text))
    if place is not None:
        assert 0 <= place.start < place.end <= len(text)
        assert text[place.start : place.end].strip() == text[place.start : place.end]
