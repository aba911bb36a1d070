"""Which tokens belong to which field."""

from __future__ import annotations

import pytest

from tandem.models.tier import Token
from tandem.quality.field_signals import field_signals, parse_object

PIECES = [('{"', -1.0), ('name":"', -2.0), ("Ac", -0.1), ("me", -0.4), ('","', -0.2)]
PIECES += [('total":"', -3.0), ("13", -0.5), (".15", -0.7), ('","', -0.3)]
PIECES += [('tax":null', -4.0), (',"lines":[', -0.1), ('{"a":1}', -0.6), ("]}", -0.1), ("", -9.0)]


def test_each_field_gets_its_least_sure_token() -> None:
    tokens = [Token(text, logprob) for text, logprob in PIECES]
    text = "".join(text for text, _ in PIECES)
    assert field_signals(text, tokens) == {
        "min_logprob:name": -0.4,
        "min_logprob:total": -0.7,
        "min_logprob:lines": -0.6,
    }


@pytest.mark.parametrize("text", ["", "[1]", "prose", '{"a":', '{"a" 1}', '{"a":1'])
def test_what_is_no_object_gives_no_broken_signals(text: str) -> None:
    assert set(field_signals(text, [Token(text, -1.0)])) <= {"min_logprob:a"}


def test_tokens_that_do_not_spell_the_text_give_nothing() -> None:
    assert field_signals('{"a":1}', [Token('{"a":', -1.0)]) == {}


@pytest.mark.parametrize("text", ['{"a":NaN}', '{"a":1', "12", '"a"', "", "[" * 100_000])
def test_what_is_no_json_object_is_none(text: str) -> None:
    assert parse_object(text) is None


def test_a_json_object_is_parsed() -> None:
    assert parse_object('{"a":[1,null]}') == {"a": [1, None]}
