from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.models import dialects
from tandem.models.tier import Prompt, Token
from tandem.settings import Dialect

SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}},
    "required": ["total"],
    "additionalProperties": False,
}
ASKED = [{"role": "user", "content": "?"}]


def prompt(**fields: object) -> Prompt:
    return Prompt(ASKED, 60, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", ["llamacpp", "tgi", "vllm", "openai"])
def test_greedy_is_zero_and_the_limit_is_sent(dialect: Dialect) -> None:
    body = dialects.body(prompt(), dialect)
    assert body["temperature"] == 0.0
    assert body["logprobs"] is True
    assert body["max_completion_tokens" if dialect == "openai" else "max_tokens"] == 60
    assert ("cache_prompt" in body) is (dialect == "llamacpp")


def test_the_embedded_server_gets_a_grammar_without_white_space() -> None:
    body = dialects.body(prompt(schema=SCHEMA), "llamacpp", own_grammars=True)
    head, _, rest = body["grammar"].partition("%json ")
    assert head == "%llguidance {}\nstart: "
    assert json.loads(rest) == {**SCHEMA, "x-guidance": {"whitespace_flexible": False}}


def test_each_dialect_carries_the_schema_in_its_own_field() -> None:
    asked = prompt(schema=SCHEMA)
    assert dialects.body(asked, "llamacpp")["json_schema"] == SCHEMA
    assert dialects.body(asked, "tgi")["response_format"] == {
        "type": "json_object",
        "value": SCHEMA,
    }
    assert dialects.body(asked, "vllm")["structured_outputs"]["json"] == SCHEMA
    openai = dialects.body(asked, "openai")["response_format"]["json_schema"]
    assert openai["schema"] == SCHEMA
    assert openai["strict"] is True


@pytest.mark.parametrize(
    "loose",
    [
        {**SCHEMA, "required": []},
        {"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]},
        {**SCHEMA, "properties": {"total": {"anyOf": [{"type": "object"}]}}},
    ],
)
def test_a_schema_that_strict_mode_refuses_is_sent_without_it(loose: dict[str, object]) -> None:
    body = dialects.body(prompt(schema=loose), "openai")
    assert body["response_format"]["json_schema"]["strict"] is False


def test_each_dialect_carries_the_choices_in_its_own_field() -> None:
    asked = prompt(choices=['say "no"', "a.b"])
    assert dialects.body(asked, "llamacpp")["grammar"] == r'root ::= "say \"no\"" | "a.b"'
    assert dialects.body(asked, "tgi")["response_format"]["value"] == r'(say "no"|a\.b)'
    assert dialects.body(asked, "vllm")["structured_outputs"] == {"choice": ['say "no"', "a.b"]}
    schema = dialects.body(asked, "openai")["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["choice"]["enum"] == ['say "no"', "a.b"]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_regex_of_choices_matches_just_them(choices: list[str]) -> None:
    body = dialects.body(prompt(choices=choices), "tgi")
    pattern = body["response_format"]["value"]
    assert all(re.fullmatch(pattern, choice) for choice in choices)
    assert re.fullmatch(pattern, choices[0] + "\0never") is None


@given(st.text(min_size=1))
def test_a_grammar_literal_stays_one_literal(choice: str) -> None:
    literal = dialects.body(prompt(choices=[choice]), "llamacpp")["grammar"]
    inner = literal.removeprefix('root ::= "').removesuffix('"')
    assert inner.isprintable()
    assert re.fullmatch(r'(?:[^"\\]|\\["\\]|\\U[0-9A-F]{8})*', inner)


@pytest.mark.parametrize(
    ("dialect", "labels", "expected"),
    [("llamacpp", 3, 20), ("llamacpp", 40, 80), ("llamacpp", 90, 100), ("openai", 40, 20)],
)
def test_enough_alternatives_are_asked_for_the_choices(
    dialect: Dialect, labels: int, expected: int
) -> None:
    asked = prompt(choices=[f"label {number}" for number in range(labels)])
    assert dialects.top_logprobs(asked, dialect) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", "stop"), ("eos_token", "stop"), ("length", "length"), ("content_filter", "error")],
)
def test_finish_reasons(reason: str, expected: str) -> None:
    assert dialects.finish(reason) == expected


def test_a_choice_is_taken_out_of_its_json_with_its_tokens() -> None:
    tokens = [
        Token('{"', -0.1),
        Token("choice", -0.1),
        Token('":"', -0.1, {'":"': -0.1}),
        Token("pos", -0.2, {"pos": -0.2, "neg": -1.8}),
        Token("itive", -0.0),
        Token('"}', -0.0),
    ]
    text, kept = dialects.unwrap_choice('{"choice":"positive"}', tokens, "openai")
    assert text == "positive"
    assert [token.text for token in kept] == ["pos", "itive"]
    assert kept[0].top == {"pos": -0.2, "neg": -1.8}


def test_a_token_that_straddles_the_quote_is_cut_with_its_alternatives() -> None:
    straddling = Token(' "pos', -0.2, {' "pos': -0.2, ' "neg': -1.8, "x": -5.0})
    tokens = [Token('{"choice":', -0.1), straddling, Token('itive"}', 0.0)]
    text, kept = dialects.unwrap_choice('{"choice": "positive"}', tokens, "openai")
    assert text == "positive"
    assert kept[0] == Token("pos", -0.2, {"pos": -0.2, "neg": -1.8})


@pytest.mark.parametrize("text", ["positive", '{"choice":"pos', "[]", '{"other":1}'])
def test_what_is_no_wrapped_choice_comes_back_as_it_is(text: str) -> None:
    token = Token(text, -0.1)
    assert dialects.unwrap_choice(text, [token], "openai") == (text, (token,))
