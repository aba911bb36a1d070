"""Comparisons on the same judging rows are counted, and each is decided at a smaller level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.loop.improve.state import State
from tandem.loop.series import LEVEL, Series
from tandem.stats import mcnemar_exact

ROWS = [f"text {number}" for number in range(100)]


def nights(count: int, texts: list[str]) -> Series:
    """After so many comparisons of different candidates on the same rows."""
    made = Series()
    for night in range(count):
        made = made.then(str(night), texts)
    return made


@given(st.integers(1, 300))
def test_all_levels_of_a_series_come_to_no_more_than_the_whole(count: int) -> None:
    levels = [Series(tries=number).level for number in range(1, count + 1)]
    assert sum(levels) < LEVEL
    assert levels == sorted(levels, reverse=True)


def test_each_comparison_on_the_same_rows_counts() -> None:
    assert [nights(count, ROWS).tries for count in (1, 2, 5)] == [1, 2, 5]


def test_the_same_comparison_again_is_no_other() -> None:
    once = nights(3, ROWS)
    assert once.then("2", ROWS) is once


def test_a_few_new_rows_go_on_with_the_series_and_as_many_begin_another() -> None:
    made = nights(4, ROWS[:50])
    grown = made.then("more", ROWS[:80])
    assert grown.tries == 5
    assert made.then("fresh", ROWS[:100]).tries == 1
    assert grown.then("other", [f"other {number}" for number in range(60)]).tries == 1


def test_no_text_is_kept(tmp_path: Path) -> None:
    state = State(tmp_path)
    first = state.compare(("sentiment", ("up", "down")), "a", ROWS)
    assert state.compare(("sentiment", ("down", "up")), "b", ROWS).tries == first.tries + 1
    assert state.compare(("sentiment", ("down", "none")), "b", ROWS).tries == 1
    told = (tmp_path / "state.json").read_text("utf-8")
    assert not any(text in told for text in ROWS)
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0
    state.use({"sentiment": 1.0}, {})
    assert state.compare(("sentiment", ("up", "down")), "c", ROWS).tries == 3


@pytest.mark.parametrize(("corrected", "at_most"), [(True, LEVEL), (False, 1.0)])
def test_ninety_nights_on_growing_rows(corrected: bool, at_most: float) -> None:
    """Candidates that are as good as what is in force; how many series call one better."""
    generator, false = np.random.default_rng(7), 0
    for _ in range(300):
        won = np.zeros(0)
        for night in range(1, 91):
            won = np.concatenate([won, generator.choice([-1, 0, 0, 0, 1], 3)])
            level = Series(tries=night).level if corrected else LEVEL / 2
            if mcnemar_exact(int((won > 0).sum()), int((won < 0).sum())) < level / 2:
                false += 1
                break
    assert false / 300 <= at_most
    assert corrected or false / 300 > LEVEL


def test_rows_that_come_a_few_at_a_time_end_a_series_too() -> None:
    made, tries = Series(), []
    for night in range(60):
        made = made.then(str(night), [f"text {number}" for number in range(100 + 20 * night)])
        made = Series.of(made.told())
        tries.append(made.tries)
    assert tries[:6] == [1, 2, 3, 4, 5, 1]
    assert max(tries) < 45
    assert tries.count(1) >= 4
