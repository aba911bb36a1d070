"""Written sums are computed again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.arithmetic import equations, right_arithmetic

RIGHT = [
    "3 * 60 = 180",
    "3 \u00d7 60 = 180 meters",
    "He pays $5 x 3 = $15.",
    r"\( 3 \times 60 = 180 \)",
    r"\frac{10}{4} = 2.5",
    "1,200 + 300 = 1,500",
    "50 * 20% = 10",
    "1/4 = 25%",
    "10 / 3 = 3.33",
    "10 / 3 = 3",
    "(3 + 4) * 2 = 14",
    "6 * 7 = 42 - 2 = 40",
    "**3 + 4 = 7**",
]
WRONG = [
    "3 * 60 = 190",
    "so 3 \u00d7 60 = 190 meters",
    "Total = 3 * 5 = 16",
    "$5 x 3 = $15, and 15 + 2 = 18.",
    "1,200 + 300 = 1,600",
    "50 * 20% = 11",
    "10 / 3 = 3.34",
    "(3 + 4) * 2 = 15",
]
NOT_JUDGED = [
    "2x + 3 = 7",
    "x - 3 = 5",
    "3 sprints * 60 = 190",
    "5 pens + 3 pens = 9 pens",
    "7 / 2 = 3 remainder 1",
    "2 * 2^3 = 17",
    "9 ** 9 ** 9 = 1",
    "1 / 0 = 5",
    "2024 = 5",
    "a == 3 + 4",
    "3 + 4 = x",
    "3 + 4 >= 9",
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_sum_passes(text: str) -> None:
    assert equations(text)
    assert right_arithmetic(text) == []


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_sum_fails(text: str) -> None:
    assert [failure["gate"] for failure in right_arithmetic(text)] == ["arithmetic"]


@pytest.mark.parametrize("text", NOT_JUDGED)
def test_what_is_not_plain_arithmetic_is_let_be(text: str) -> None:
    assert equations(text) == []
    assert right_arithmetic(text) == []


numbers = st.integers(min_value=0, max_value=10_000)


@given(numbers, numbers, st.sampled_from("+-*"), st.integers(min_value=-3, max_value=3))
def test_a_result_is_right_where_it_is_the_value(a: int, b: int, sign: str, off: int) -> None:
    value = {"+": a + b, "-": a - b, "*": a * b}[sign]
    text = f"So we get {a} {sign} {b} = {value + off} pieces."
    assert (right_arithmetic(text) == []) is (off == 0)


@given(st.text(alphabet="0123456789 +-*/().,=%$x^\n", max_size=60))
def test_any_text_is_judged(text: str) -> None:
    assert all(equation.expression for equation in equations(text))


def test_a_long_number_is_read_once() -> None:
    assert equations(f"{'1' * 40} abc = 5") == []
    (found,) = equations("3.14159265358979323846264338327950288 - 0.14 = 3.0")
    assert found.right
