"""Intervals and paired tests against known values."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem import stats

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(right: int, n: int, low: float, high: float) -> None:
    interval = stats.wilson(right, n)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_no_value_has_the_widest_interval() -> None:
    interval = stats.mean_interval([])
    assert math.isnan(interval.mean)
    assert interval[1:] == (0.0, 1.0, 0)


@given(SCORES)
def test_an_interval_holds_its_mean_and_stays_in_range(scores: list[float]) -> None:
    interval = stats.mean_interval(scores)
    assert 0 <= interval.low <= interval.mean + 1e-9
    assert interval.mean - 1e-9 <= interval.high <= 1


def test_equal_values_are_not_taken_for_certain() -> None:
    interval = stats.mean_interval([0.5] * 100)
    assert interval.high - interval.low > 0.1


def test_the_bootstrap_comes_near_the_normal_interval() -> None:
    rng = random.Random(1)
    values = [rng.betavariate(4, 2) for _ in range(400)]
    mean = sum(values) / 400
    half = 1.96 * math.sqrt(sum((value - mean) ** 2 for value in values) / 400 / 400)
    interval = stats.mean_interval(values)
    assert (interval.low, interval.high) == pytest.approx((mean - half, mean + half), abs=0.004)
    assert interval == stats.mean_interval(values)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (2, 8, 0.109375), (10, 10, 1.0)],
)
def test_mcnemar_is_the_binomial_test(only_a: int, only_b: int, p: float) -> None:
    assert stats.mcnemar_exact(only_a, only_b) == pytest.approx(p)


def test_mcnemar_takes_thousands_of_rows() -> None:
    assert stats.mcnemar_exact(2500, 2500) == 1.0
    assert stats.mcnemar_exact(3000, 2000) < 1e-40


def test_few_rows_show_nothing_however_large_the_difference() -> None:
    found = stats.compare([0.1, 0.2], [0.9, 0.9])
    assert found.finding == "inside the noise"
    assert found.p == pytest.approx(0.5)


def test_swapping_gives_mcnemars_p_where_scores_are_zero_or_one() -> None:
    a, b = [1.0] * 6 + [0.0] * 14, [0.0] * 20
    exact = stats.compare(a, b)
    assert (exact.test, exact.finding) == ("mcnemar", "better")
    almost = stats.compare([*a, 0.5], [*b, 0.5])
    assert almost.test == "paired permutation"
    assert almost.p == pytest.approx(exact.p)


def test_a_steady_difference_is_found_on_many_rows() -> None:
    rng = random.Random(2)
    a = [rng.random() * 0.8 for _ in range(200)]
    found = stats.compare(a, [score + 0.1 for score in a])
    assert found.finding == "worse"
    assert found.difference.mean == pytest.approx(-0.1)
    assert found.difference.high < 0


@given(SCORES)
def test_nothing_differs_from_itself(scores: list[float]) -> None:
    found = stats.compare(scores, scores)
    assert (found.p, found.finding) == (1.0, "inside the noise")


def test_a_comparison_needs_the_same_rows() -> None:
    with pytest.raises(ValueError, match="same rows"):
        stats.compare([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="same rows"):
        stats.compare([], [])


def test_quantiles_are_interpolated() -> None:
    assert stats.quantile([4, 1, 3, 2], 0.5) == 2.5
    assert stats.quantile([1, 2, 3], 0.95) == pytest.approx(2.9)
    assert stats.quantile([], 0.5) is None
