from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.loop.select.asking import Said
from tandem.loop.select.candidates import Candidate
from tandem.loop.select.choosing import (
    Wanted,
    choose,
    lower,
    lower_difference,
    rows_needed,
)
from tandem.stats import wilson


def said(name: str, right: int, rows: int, cost: float = 1.0, seconds: float = 1.0) -> Said:
    answers = [True] * right + [False] * (rows - right)
    kind = "head" if name == "head" else "model"
    return Said(
        Candidate(name, kind, "" if kind == "head" else name),  # type: ignore[arg-type]
        right=answers,
        cost=[cost] * rows,
        seconds=[seconds] * rows,
    )


@pytest.mark.parametrize(
    ("right", "rows", "bound"), [(49, 50, 0.915), (50, 50, 0.949), (196, 200, 0.956)]
)
def test_the_bound_is_wilsons_of_one_side(right: int, rows: int, bound: float) -> None:
    assert lower(right, rows, 0.05) == pytest.approx(bound, abs=5e-4)
    assert lower(right, rows, 0.05 / 4) < lower(right, rows, 0.05)


def test_the_cheapest_that_can_be_promised_is_taken() -> None:
    cheap, fair, dear = said("a", 170, 200, 1), said("b", 196, 200, 2), said("c", 199, 200, 9)
    choice = choose([dear, cheap, fair], Wanted(target=0.9))
    assert choice.chosen is not None
    assert choice.chosen.name == "b"
    assert [one.name for one in choice.judged] == ["a", "b", "c"]
    assert all(one.front for one in choice.judged)


def test_the_correction_decides() -> None:
    # 49 of 50 support 0.915 alone, and no longer among five.
    assert choose([said("a", 49, 50)], Wanted(target=0.9)).chosen
    five = [said(name, 49, 50) for name in "abcde"]
    choice = choose(five, Wanted(target=0.9))
    assert choice.chosen is None
    assert (choice.judged[0].needed or 0) > 50


def test_one_that_could_not_be_asked_counts_among_the_candidates() -> None:
    gone = [Said(Candidate(name, "model", name), why_not="down") for name in "bcde"]
    choice = choose([said("a", 49, 50), *gone], Wanted(target=0.9))
    assert (choice.chosen, len(choice.left_out)) == (None, 4)


def test_a_share_below_the_target_is_settled_by_no_rows() -> None:
    choice = choose([said("a", 80, 100)], Wanted(target=0.9))
    assert choice.judged[0].needed is None


def test_a_head_that_is_enough_is_said_to_be() -> None:
    choice = choose([said("head", 198, 200, 0.0), said("a", 199, 200, 2)], Wanted(target=0.9))
    assert choice.head_is_enough


def test_one_that_answered_nothing_is_never_taken() -> None:
    mute = Said(Candidate("a", "model", "a"), right=[False] * 40, blocked=40)
    assert choose([mute], Wanted(margin=0.5)).chosen is None


def test_within_a_margin_of_the_best() -> None:
    best, near, far = said("a", 190, 200, 9), said("b", 189, 200, 1), said("c", 150, 200, 0.5)
    choice = choose([best, near, far], Wanted(margin=0.05))
    assert choice.chosen is not None
    assert choice.chosen.name == "b"
    by_name = {one.name: one for one in choice.judged}
    assert by_name["c"].needed is None
    assert by_name["a"].lag > -0.05


def test_the_difference_is_newcombes_of_pairs() -> None:
    # Newcombe (1998), paired data, table II, row a: 36, 12, 2, 0: method 10 gives 0.0569, 0.3404.
    ours = [True] * 48 + [False] * 2
    theirs = [True] * 36 + [False] * 12 + [True] * 2
    assert lower_difference(ours, theirs, 0.025) == pytest.approx(0.0569, abs=1e-3)


@given(st.integers(1, 400), st.floats(0.6, 0.99), st.sampled_from([0.05, 0.01]))
def test_the_rows_that_are_needed_are_enough(rows: int, target: float, tail: float) -> None:
    share = rows / (rows + 1) if rows / (rows + 1) > target else target
    needed = rows_needed(share, target, tail)
    if needed is None:
        assert share <= target or share - target < 0.01
    else:
        assert lower(math.floor(share * needed), needed, tail) >= target


@given(st.lists(st.booleans(), min_size=5, max_size=60), st.data())
def test_the_bound_of_a_difference_lies_below_it(ours: list[bool], data: st.DataObject) -> None:
    theirs = data.draw(st.lists(st.booleans(), min_size=len(ours), max_size=len(ours)))
    difference = (sum(ours) - sum(theirs)) / len(ours)
    assert -1 - 1e-9 <= lower_difference(ours, theirs, 0.05) <= difference + 1e-12


def test_a_false_promise_is_rarer_than_was_said() -> None:
    """Five candidates, all just below the target: any choice is a false promise."""
    generator, false, draws = np.random.default_rng(5), 0, 2000
    bounds = {right: lower(right, 200, 0.05 / 5) for right in range(201)}
    for _ in range(draws):
        shares = generator.binomial(200, 0.899, size=5)
        false += any(bounds[int(right)] >= 0.9 for right in shares)
    assert wilson(false, draws).low <= 0.05
    assert any(a != b for a, b in itertools.pairwise(bounds.values()))
