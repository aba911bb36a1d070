"""Gates on how an output reads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.wording import (
    is_refusal,
    no_placeholder,
    not_empty,
    not_refusal,
    not_truncated,
)
from tests.unit.fakes import FakeTierCall, completion

REFUSALS = [
    "I cannot help with that.",
    "I'm sorry, but I can't assist with that request.",
    "I\u2019m sorry. I cannot answer this.",
    "**Sorry**, I am unable to find the answer.",
    "Unfortunately, the passages do not say.",
    "As an AI language model, I have no opinion.",
    "As an AI, I do not know.",
    "I don't have enough information to answer.",
    "There is no information about this in the context.",
    "The provided passages don't contain information about cats.",
    "This information is not provided in the given text.",
    "The salary of the director is not specified in the passage.",
    "Not mentioned in the passages.",
    "Es tut mir leid, aber ich kann das nicht beantworten.",
    "Leider kann ich dazu nichts sagen.",
    "Je suis d\u00e9sol\u00e9, mais je ne peux pas r\u00e9pondre.",
    "Lo siento, no puedo ayudar.",
    "Mi dispiace, non posso aiutare.",
    "Desculpe, n\u00e3o posso responder.",
    "Het spijt me, ik kan dat niet doen.",
    "\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u56de\u7b54\u8fd9\u4e2a\u95ee\u9898\u3002",
]
ANSWERS = [
    "We cannot refund after 30 days.",
    "I'm sorry, but we cannot issue refunds after 30 days.",
    'The sign says: "I cannot help you".',
    "Fill in the form. I cannot help with the rest.",
    "As an AI company, we build models.",
    "Sorry for the delay! Your card is on its way.",
    "The agreement does not mention a notice period.",
    "Cats are not mentioned in the agreement.",
    "Yes.",
    "",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_seen(text: str) -> None:
    assert is_refusal(text)
    assert [failure["gate"] for failure in not_refusal(text)] == ["not_refusal"]


@pytest.mark.parametrize("text", ANSWERS)
def test_an_answer_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize("answer", [text for text in ANSWERS if text.endswith(".")])
@pytest.mark.parametrize("refusal", REFUSALS[:1])
def test_only_the_first_sentence_counts(answer: str, refusal: str) -> None:
    assert not is_refusal(f"{answer} {refusal}")


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert is_refusal(text) in (True, False)


def test_any_long_text_is_judged_in_time() -> None:
    assert not is_refusal("the " * 50_000)
    assert not is_refusal("sorry, " * 20_000 + "yes")


@pytest.mark.parametrize("output", [None, "", " \n", [], {}])
def test_nothing_fails(output: Any) -> None:
    assert [failure["gate"] for failure in not_empty(output)] == ["not_empty"]


@pytest.mark.parametrize("output", ["a", ["a"], {"a": None}, 0, False])
def test_something_passes(output: Any) -> None:
    assert not_empty(output) == []


def test_a_cut_off_answer_fails() -> None:
    for finish, gates in (("length", ["not_truncated"]), ("stop", [])):
        tier = FakeTierCall([completion("text", finish=finish)])
        tier.done.append(completion("text", finish=finish))
        assert [failure["gate"] for failure in not_truncated(tier.attempt("text"))] == gates


@pytest.mark.parametrize(
    "text", ["Dear [Name],", "Yours, {name}", "Sent by <your name>", "No. XXX"]
)
def test_a_place_left_to_fill_in_fails(text: str) -> None:
    assert [failure["gate"] for failure in no_placeholder(text)] == ["no_placeholder"]
    assert no_placeholder(text, source=f"as in: {text}") == []


@pytest.mark.parametrize("text", ["See [1] and [12].", "[the form](https://x.org)", "a < b > c"])
def test_marks_are_no_places_to_fill_in(text: str) -> None:
    assert no_placeholder(text) == []
