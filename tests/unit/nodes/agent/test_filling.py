from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tandem.errors import ModelUnavailable
from tandem.models.tier import Completion, Token, ToolCall
from tandem.nodes.agent.doubting import Bounds
from tandem.nodes.agent.filling import choose, fill, missing
from tandem.nodes.agent.grounding import names_in, numbers_in, ungrounded, unused_numbers
from tandem.tools.base import parameters
from tests.unit.fakes import FakeTierCall, completion

BOOK = {
    "name": "book",
    "description": "books a table",
    "parameters": parameters(
        {"place": {"type": "string"}, "people": {"type": "integer"}},
        {"seat": {"enum": ["inside", "outside"]}},
    ),
}
LOOK = {"name": "look", "description": "looks", "parameters": parameters({})}
ASKED = "A table for four at the Blue Heron, please."
GOOD = {"place": "Blue Heron", "people": 4, "seat": "inside"}
CALL = [ToolCall("book", GOOD)]


def spelt(text: str, weak: str = "", probability: float = 0.1) -> Completion:
    """`text` a token a character; those of `weak` improbable."""
    start = text.index(weak) if weak else -1
    tokens = tuple(
        Token(char, math.log(probability if start <= i < start + len(weak) else 0.99))
        for i, char in enumerate(text)
    )
    return completion(text, tokens=tokens)


def filled(slm: FakeTierCall | None, llm: FakeTierCall | None = None, **more: Any) -> Any:
    return fill(BOOK, ASKED, (lambda: slm) if slm else None, (lambda: llm) if llm else None, **more)


def test_sure_and_grounded_arguments_are_the_slm_s() -> None:
    slm = FakeTierCall([spelt(json.dumps(GOOD))])
    found = filled(slm)
    assert (found.arguments, found.tier, found.doubts) == (GOOD, "slm", [])
    assert slm.prompts[0].schema == BOOK["parameters"]


@pytest.mark.parametrize(
    ("reply", "doubt"),
    [
        (spelt(json.dumps(GOOD), "Heron"), "an argument's probability"),
        (spelt(json.dumps({**GOOD, "people": 40})), "people: not in the request"),
        (spelt(json.dumps({**GOOD, "place": "Red Lion Inn"})), "place: not in the request"),
        (spelt(json.dumps({"place": "Blue Heron"})), "the schema"),
        (completion(json.dumps(GOOD), tokens=()), "no probabilities"),
        (completion("I would book it."), "no JSON"),
        (completion('{"place":', finish="length"), "cut off"),
        (ModelUnavailable("down"), "model_unavailable"),
    ],
)
def test_every_doubt_escalates(reply: Any, doubt: str) -> None:
    llm = FakeTierCall(name="llm", calls=[CALL])
    found = filled(FakeTierCall([reply]), llm)
    assert (found.arguments, found.tier) == (GOOD, "llm")
    assert found.doubts == [doubt]
    assert [attempt["tier"] for attempt in found.attempts] == ["slm", "llm"]
    assert filled(FakeTierCall([reply])).arguments is None


def test_a_space_that_the_grammar_forbids_is_no_doubt_about_a_number() -> None:
    number = Token("4", math.log(0.01), {" ": math.log(0.98), "4": math.log(0.01)})
    unsure = Token("4", math.log(0.01), {" ": math.log(0.9), "9": math.log(0.09)})
    head, tail = Token('{"people":', -0.01), Token("}", -0.01)
    for token, tier in ((number, "slm"), (unsure, None)):
        reply = completion('{"people":4}', tokens=(head, token, tail))
        assert filled(FakeTierCall([reply]), given={"place": "Blue Heron"}).tier == tier


def test_an_optional_argument_that_the_request_does_not_say_is_left_out() -> None:
    function = {**BOOK, "parameters": parameters({"people": {"type": "integer"}}, {"hour": {}})}
    reply = spelt('{"people":4,"hour":18}', "18")
    slm = FakeTierCall(
        [reply, spelt('{"calls":[{"tool":"book","arguments":{"people":4,"hour":8}}]}')]
    )
    assert fill(function, ASKED, lambda: slm, None).arguments == {"people": 4}
    assert choose([function], ASKED, lambda: slm, None).arguments == {"people": 4}


def test_what_is_given_is_not_asked_for() -> None:
    slm = FakeTierCall([spelt('{"people":4}')])
    found = filled(slm, given={"place": "$s1"})
    assert found.arguments == {"people": 4, "place": "$s1"}
    assert "place" not in json.dumps(slm.prompts[0].schema)


@pytest.mark.parametrize("calls", [[], [ToolCall("book", {"place": 5})], ModelUnavailable("down")])
def test_arguments_that_nobody_can_give(calls: Any) -> None:
    found = filled(None, FakeTierCall(name="llm", calls=[calls]))
    assert found.arguments is None


def chosen(reply: Any, llm: FakeTierCall | None = None, **more: Any) -> Any:
    slm = FakeTierCall([reply])
    return choose([BOOK, LOOK], ASKED, lambda: slm, (lambda: llm) if llm else None, **more)


def calls(*made: Any) -> str:
    return json.dumps({"calls": list(made)})


BOOKED = {"tool": "book", "arguments": GOOD}


def test_one_sure_call_is_the_slm_s() -> None:
    found = chosen(spelt(calls(BOOKED)))
    assert (found.calls, found.tier) == (CALL, "slm")


@pytest.mark.parametrize(
    ("reply", "doubt"),
    [
        (spelt(calls(BOOKED), "b", 0.89), "the tool's probability"),
        (spelt(calls(BOOKED), "Heron", 0.29), "an argument's probability"),
        (spelt(calls(BOOKED, BOOKED)), "2 calls"),
        (spelt(calls({"tool": "none"})), "0 calls"),
        (completion("nothing"), "0 calls"),
    ],
)
def test_no_call_several_calls_and_unsure_ones_are_the_llm_s(reply: Any, doubt: str) -> None:
    llm = FakeTierCall(name="llm", calls=[CALL])
    found = chosen(reply, llm)
    assert (found.calls, found.tier, found.doubts) == (CALL, "llm", [doubt])


def test_bounds_may_be_set() -> None:
    reply = spelt(calls(BOOKED), "Heron", 0.2)
    assert chosen(reply, bounds=Bounds(argument=0.1)).tier == "slm"


def test_missing_arguments() -> None:
    assert missing(BOOK["parameters"], {"people": 4}) == ["place"]


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        *((15, True), (0.15, True), (2, True), (16, False), (None, True), (True, True), ("", True)),
        *(("Rue de la Paix", True), ("16 cups", False), ("RUE", True), ([15, 3], False)),
        *(({"a": "Paix"}, True), ({"a": "Opera"}, False)),
    ],
)
def test_values_stand_in_the_request_or_not(value: Any, fine: bool) -> None:
    text = "Twice 15% for the rue de la Paix."
    assert (ungrounded({"x": value}, text, {}) == []) == fine


def test_choices_and_defaults_are_no_claims() -> None:
    schema = {"properties": {"x": {"enum": ["far"]}, "y": {"default": 9}}}
    assert ungrounded({"x": "far", "y": 9}, "near", schema) == []
    assert ungrounded({"x": "far", "y": 8}, "near", schema) == ["y"]


def test_names_are_capitals_inside_a_sentence() -> None:
    text = "What does GSA pay in Paris? The New-York office, 'Ventra' cards; (Rome) too."
    assert names_in(text) == {"gsa", "paris", "new", "york", "ventra", "rome"}


@pytest.mark.parametrize(
    ("expression", "unused"),
    [
        ("3 * 42.60 * 0.9", ["7"]),
        ("7 * 3 * 42.60 * 0.9", []),
        ("7 * 3 * 42.6 - 10% of $s1", []),
        ("7 * 3", ["42.60", "10"]),
    ],
)
def test_numbers_of_the_request_that_no_step_uses(expression: str, unused: list[str]) -> None:
    text = "7 people buy three things, 3 each, at 42.60 with 10 percent off."
    assert unused_numbers([{"expression": expression}], text) == unused


def test_number_words_count() -> None:
    assert {"4", "1250", "3"} <= numbers_in("four days at $1,250, a third")
