"""The questions of a request, whatever the model writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.research.asking import MOST, ask, read_questions, unasked
from tandem.records import Message
from tests.unit.fakes import FakeTierCall
from tests.unit.nodes.research.pieces import question
from tests.unit.snapshots import assert_stored

REQUEST = "Which is longer, the sick leave or the parental leave?"


def said(*questions: str) -> str:
    return json.dumps({"questions": [{"question": one, "kind": "number"} for one in questions]})


def test_the_prompt_is_the_stored_one() -> None:
    tier = FakeTierCall([said("How long is the sick leave?")], name="llm")
    ask(REQUEST, tier, 5)
    assert_stored("research_ask", tier.prompts[0])


def test_what_was_said_before_comes_before_the_request() -> None:
    turns: list[Message] = [
        {"role": "user", "content": "How long is the sick leave?"},
        {"role": "assistant", "content": "240 hours."},
    ]
    tier = FakeTierCall([said("How long is the parental leave?")])
    ask("And the parental leave?", tier, 5, turns)
    assert list(tier.prompts[0].messages[-3:-1]) == turns


def test_too_many_questions_are_cut_whatever_the_settings_say() -> None:
    tier = FakeTierCall([said(*(f"What is fact {number}?" for number in range(30)))] * 2)
    assert len(ask(REQUEST, tier, 9)) == MOST
    assert len(ask(REQUEST, tier, 2)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "{}",
        "[]",
        '{"questions": null}',
        '{"questions": []}',
        '{"questions": [7, null, {"kind": "number"}, {"question": "??"}]}',
    ],
)
def test_without_a_question_the_request_itself_is_asked(text: str) -> None:
    assert ask(REQUEST, FakeTierCall([text]), 5) == [{"question": REQUEST, "kind": "text"}]


def test_a_list_that_was_cut_off_gives_its_whole_questions() -> None:
    whole = said("What is A?", "What is B?", "What is C?")
    assert [one["question"] for one in read_questions(whole[:-20])] == ["What is A?", "What is B?"]


def test_questions_are_asked_once() -> None:
    first, again = question("What is A?"), question("what is  a")
    assert unasked([first, again, question("What is B?")], []) == [first, question("What is B?")]
    assert unasked([again], [first]) == []


def test_an_unknown_kind_is_text() -> None:
    assert read_questions('{"questions":[{"question":"Is it?","kind":"verse"}]}') == [
        {"question": "Is it?", "kind": "text"}
    ]


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.text() | st.builds(lambda value: json.dumps({"questions": value}), _JSON))
def test_no_answer_of_a_model_raises(text: Any) -> None:
    for one in read_questions(text):
        assert one["question"].strip()
