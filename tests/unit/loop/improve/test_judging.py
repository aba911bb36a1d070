"""What decides between two sides: better by a test, no worse by a bound, and what neither shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandem.loop.improve.judging import Duel, Said, decide, duel, rows_to_settle
from tandem.quality.calibration.threshold import Promise

LEVEL = 0.025


def promised(**fields: Any) -> Promise:
    given: dict[str, Any] = {"stages": ("head",), "target": 0.9, "confidence": 0.9}
    return Promise(**{**given, "threshold": 0.5, "rows": 60, "accepted": 40, "errors": 0, **fields})


def of(ours: list[float], theirs: list[float], level: float = LEVEL) -> Duel:
    """A challenger that brings a promise where there was none."""
    said = Said(theirs, theirs), Said(ours, ours)
    return duel(("old", "new"), said, (None, promised()), level)


def counts(both: int, ours: int, theirs: int, neither: int) -> Duel:
    """By how many rows both, one alone, or none got right."""
    rows = (
        [(1.0, 1.0)] * both + [(1.0, 0.0)] * ours + [(0.0, 1.0)] * theirs + [(0.0, 0.0)] * neither
    )
    return of([a for a, _ in rows], [b for _, b in rows])


def test_a_test_that_finds_nothing_does_not_show_that_it_is_no_worse() -> None:
    """13 right against 17 of 20 rows is no proof of worse, and none of no worse either."""
    decision = decide(counts(12, 1, 5, 2), needs_promise=True)
    assert not decision.put
    assert "not shown to be no worse: -0.200" in decision.why
    assert "more rows would hardly show it" in decision.why


def test_equals_on_many_rows_are_no_worse() -> None:
    decision = decide(counts(340, 20, 20, 20), needs_promise=True)
    assert decision.put
    assert "90.0% is promised where nothing was, and its answers are no worse" in decision.why


def test_too_few_rows_are_told_with_how_many_would_do() -> None:
    few = counts(34, 2, 2, 2)
    decision = decide(few, needs_promise=True)
    assert not decision.put
    rows = rows_to_settle(few, 0.05)
    assert rows is not None
    assert f"about {rows} judging rows would show it" in decision.why
    times = rows // 40 + 1
    enough = counts(34 * times, 2 * times, 2 * times, 2 * times)
    assert decide(enough, needs_promise=True).put


def test_the_margin_is_what_is_asked_for() -> None:
    found = counts(34, 2, 2, 2)
    assert decide(found, needs_promise=True, margin=0.3).put


def test_better_needs_no_margin() -> None:
    decision = decide(counts(20, 12, 0, 4), needs_promise=True)
    assert (decision.put, decision.why[:22]) == (True, "its answers are better")


@pytest.mark.parametrize("escalates", [True, False])
def test_what_certifies_nothing_never_takes_a_promises_place(escalates: bool) -> None:
    found = replace(counts(20, 12, 0, 4), before=promised(), after=None)
    assert not decide(found, needs_promise=escalates).put


def test_a_smaller_level_asks_for_more() -> None:
    ours, theirs = [1.0] * 36, [1.0] * 28 + [0.0] * 8
    assert of(ours, theirs).right.finding == "better"
    later = of(ours, theirs, LEVEL / 100)
    assert later.right.finding == "inside the noise"
    assert later.no_worse < of(ours, theirs).no_worse


@pytest.mark.parametrize("rows", [20, 60, 200])
def test_a_really_worse_side_hardly_ever_passes(rows: int) -> None:
    """Of 400 candidates that are right 15 points less often, at any number of rows."""
    generator = np.random.default_rng(rows)
    put = 0
    for _ in range(400):
        theirs = generator.random(rows) < 0.85
        ours = np.where(generator.random(rows) < 0.7, theirs, generator.random(rows) < 0.35)
        put += decide(_quick(ours.tolist(), theirs.tolist()), needs_promise=True).put
    assert put / 400 <= LEVEL


def _quick(ours: list[bool], theirs: list[bool]) -> Duel:
    """As `of`, without the intervals' resampling."""
    from tandem.loop.select.choosing import lower_difference
    from tandem.stats import Comparison, Interval, mcnemar_exact

    mean = (sum(ours) - sum(theirs)) / len(ours)
    won = sum(a > b for a, b in zip(ours, theirs, strict=True))
    lost = sum(a < b for a, b in zip(ours, theirs, strict=True))
    p = mcnemar_exact(won, lost)
    finding: Any = "inside the noise" if p >= LEVEL / 2 else "better" if won > lost else "worse"
    right = Comparison(Interval(mean, mean, mean, len(ours)), p, "mcnemar", finding)
    base = counts(1, 0, 0, 0)
    return replace(base, right=right, no_worse=lower_difference(ours, theirs, LEVEL))
