"""Templates and the draft task on a fake tier."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest
from tandem.nodes.draft import Draft
from tandem.nodes.task import Prepared
from tandem.nodes.template import parse
from tandem.records import Attempt, Profile, Request, Verdict
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.snapshots import assert_stored

NO_PROFILE = cast(Profile, {})
TASK = Draft()
TEXT = "Ms Ines Roth asks to move her visit from 3 May to 10 May because her train is cancelled."
TEMPLATE = "Dear {name},\nyour visit is now on {date}. {regret: one sentence of regret}\n{{ok}}"
VALUES = {"name": "Ines Roth", "date": "10 May", "regret": "We are sorry about the train."}


def prepared(**request: Any) -> Prepared:
    given_request = {"text": TEXT, "template": TEMPLATE, **request}
    return TASK.prepare(cast(Request, given_request), NO_PROFILE)


def answered(reply: str, ready: Prepared, **fields: Any) -> tuple[Attempt, list[str]]:
    """The attempt with this reply, and the gates that it does not pass."""
    attempt = TASK.attempt(ready, FakeTierCall([completion(reply, **fields)]))
    return attempt, [failure["gate"] for failure in TASK.check(ready, attempt)]


def filled(**values: str) -> str:
    return json.dumps({**VALUES, **values})


def test_a_template_is_filled_in_one_call() -> None:
    attempt, failed = answered(filled(), prepared())
    assert failed == []
    assert attempt["output"] == {
        "text": "Dear Ines Roth,\nyour visit is now on 10 May. We are sorry about the train.\n{ok}",
        "slots": VALUES,
    }


def test_the_prompts_are_the_stored_ones() -> None:
    tier = FakeTierCall([filled(), "A text."])
    TASK.attempt(prepared(slots={"name": "Ines Roth"}), tier)
    assert_stored("draft_template", tier.prompts[0])
    TASK.attempt(prepared(text="Write a thank-you note to Ines.", template=""), tier)
    assert_stored("draft_free", tier.prompts[1])


def test_the_caller_s_slots_win_and_others_are_ignored() -> None:
    ready = prepared(slots={"name": "The {Boss}", "elsewhere": "x"})
    reply = json.dumps({"date": "10 May", "regret": "Sorry.", "name": "Ines"})
    attempt, failed = answered(reply, ready)
    assert failed == []
    assert attempt["output"]["text"].startswith("Dear The {Boss},")


def test_nothing_missing_asks_no_model() -> None:
    ready = prepared(text="", template="Hello {name}!", slots={"name": "Ines"})
    attempt = TASK.attempt(ready, FakeTierCall())
    assert attempt["output"] == {"text": "Hello Ines!", "slots": {"name": "Ines"}}
    assert (attempt["tier"], attempt["calls"]) == ("rule", 0)
    assert TASK.check(ready, attempt) == []


@pytest.mark.parametrize(
    ("values", "gates"),
    [
        ({"name": " "}, ["filled"]),
        ({"name": "Max Roth"}, ["copied"]),
        ({"name": "ines  ROTH"}, []),
        ({"date": "0 May"}, ["copied"]),
        ({"regret": "Sorry, we pay 50 EUR."}, ["numbers"]),
        ({"regret": "Yours, [Your Name]"}, ["no_placeholder"]),
        ({"regret": "x" * 400}, ["length"]),
    ],
)
def test_slots_that_are_not_as_they_should_be_are_rejected(
    values: dict[str, str], gates: list[str]
) -> None:
    assert answered(filled(**values), prepared())[1] == gates


@pytest.mark.parametrize("reply", ["", "no JSON", "[]", '{"name": "Ines Roth"}', '{"name": 1}'])
def test_what_is_no_json_of_the_slots_is_rejected(reply: str) -> None:
    attempt, failed = answered(reply, prepared())
    assert attempt["output"] is None
    assert failed == ["not_empty"]


def test_a_text_that_is_too_long_is_rejected() -> None:
    task = Draft(max_chars=20)
    attempt = task.attempt(prepared(), FakeTierCall([filled()]))
    assert "length" in [failure["gate"] for failure in task.check(prepared(), attempt)]


@pytest.mark.parametrize(
    ("reply", "fields", "gates"),
    [
        ("Dear Ines, thank you for the visit.", {}, []),
        ("", {}, ["not_empty"]),
        ("Dear Ines, thank", {"finish": "length"}, ["not_truncated"]),
        ("I'm sorry, but I cannot help with that.", {}, ["not_refusal"]),
        ("Dear Ines, yours, [Your Name]", {}, ["no_placeholder"]),
    ],
)
def test_without_a_template_a_short_text_is_written(
    reply: str, fields: dict[str, Any], gates: list[str]
) -> None:
    ready = prepared(text="Write a thank-you note to Ines.", template="")
    attempt, failed = answered(reply, ready, **fields)
    assert attempt["output"] == {"text": reply, "slots": {}}
    assert failed == gates


def test_escalation_asks_again() -> None:
    rejected, _ = answered("", prepared())
    llm = FakeTierCall([filled()], name="llm")
    repaired = TASK.repair(prepared(), rejected, cast(Verdict, {}), llm)
    assert repaired["output"]["slots"] == VALUES


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("Dear {name", "line 1, column 6"),
        ("Dear\n  name}", "line 2, column 7"),
        ("{}", "line 1, column 1"),
        ("a\nb {: write}", "line 2, column 3"),
        ("{name:}", "line 1, column 1"),
        ("{a {b}}", "line 1, column 1"),
        ("{a/b}", "line 1, column 1"),
    ],
)
def test_a_malformed_template_is_refused_with_its_place(template: str, place: str) -> None:
    with pytest.raises(InvalidRequest, match=place):
        prepared(template=template)


def test_two_instructions_for_one_slot_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="two different instructions"):
        parse("{a: one} {a: two}")
    assert parse("{a} {a: one} {a: one}").slots["a"].instruction == "one"


@given(st.text())
def test_escaped_text_comes_out_as_it_went_in(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")
    assert parse(escaped).render({}) == text


@given(st.text(alphabet="ab {}:\n", max_size=30))
def test_any_template_is_read_or_refused(template: str) -> None:
    try:
        parsed = parse(template)
    except InvalidRequest:
        return
    assert parsed.render(dict.fromkeys(parsed.slots, "")).count("{") == template.count("{{")


@given(st.text(), st.text())
def test_values_stand_in_the_text_as_they_are(before: str, value: str) -> None:
    escaped = before.replace("{", "{{").replace("}", "}}")
    assert parse(escaped + "{slot}").render({"slot": value}) == before + value
