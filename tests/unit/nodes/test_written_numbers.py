"""Numbers of an answer must come from somewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.written_numbers import ungrounded, written
from tandem.quality.values import find_numbers

SOURCES = ["There are 240 hours, or twelve weeks.", "A week has 40 hours; 75% is paid."]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("240 hours, 12 weeks, 75 percent.", []),
        ("That is 240 / 40 = 6 weeks, half of 12.", []),
        ("240 / 40 = 6 and 6 * 2 = 12 and 12 + 6 = 18.", ["2"]),
        ("That is 240 / 40 = 7 weeks.", ["7"]),
        ("That is 100 / 40 = 2.5.", ["100", "2.5"]),
        ("That is 40 / 12 = 3.33, about 3.3.", []),
        ("It is 6 weeks.", ["6"]),
        ("No number.", []),
    ],
)
def test_a_number_stands_in_a_source_or_is_computed_from_some(text: str, wrong: list[str]) -> None:
    assert ungrounded(text, SOURCES) == wrong


@given(st.text())
def test_a_text_is_grounded_in_itself(text: str) -> None:
    assert ungrounded(text, [text]) == []


def test_a_result_of_any_size_can_be_compared() -> None:
    product = f"{10**15} * {10**15} = {10**30}, and 240."
    assert ungrounded(product, [*SOURCES, str(10**15)]) == []
    thirds = f"3.{'3' * 40}"
    assert ungrounded(f"40 / 12 = 3.33, or {thirds}.", SOURCES) == [thirds]


def test_a_half_is_rounded_up() -> None:
    assert ungrounded("75 / 40 = 1.875, about 1.88.", SOURCES) == []
    assert ungrounded("75 / 40 = 1.875, about 1.87.", SOURCES) == ["1.87"]


@given(st.text(alphabet="0123456789,. %a", max_size=60))
def test_a_number_that_holds_another_one_is_not_written(text: str) -> None:
    found = find_numbers(text)
    assert written(text) == [
        one
        for one in found
        if not any(o is not one and one.start <= o.start and o.end <= one.end for o in found)
    ]
