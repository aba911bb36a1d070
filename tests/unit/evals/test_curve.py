"""What lies between the SLM and the LLM alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.evals.curve import Point, first_crossing
from tandem.evals.summarise import summarise
from tandem.evals.summary import Curve, Mixing
from tests.unit.evals.test_summary import SUITES, row, step

SHARES = st.integers(0, 1000).map(lambda count: count / 1000)


def mixing(rows: list[Any]) -> Mixing:
    found = summarise("films", rows, SUITES)["groups"][0]["mixing"]
    assert found is not None
    return found


def rows_of(asked: int, right: int, n: int = 40) -> list[Any]:
    """The SLM is right on no row, the LLM on all; tandem asks the LLM on the first `asked` rows and
    is right on the first `right`."""
    rows = []
    for number in range(n):
        rows += [row(number, "slm_only", False), row(number, "llm_only", True)]
        route = [step("slm", False), *([step("llm", True)] if number < asked else [])]
        cost = 1.1 if number < asked else 0.1
        rows.append(row(number, "tandem", number < right, route=route, cost=cost))
    return rows


def tandem(rows: list[Any]) -> Curve:
    return next(one for one in mixing(rows)["curves"] if one["policy"] == "tandem")


def test_a_policy_on_the_random_line_recovers_half() -> None:
    found = tandem(rows_of(asked=20, right=20))
    assert found["llm_share"] == 0.5
    assert found["apgr"]["mean"] == pytest.approx(0.5)
    assert (found["cpt50"], found["cpt80"]) == (pytest.approx(0.5), pytest.approx(0.8))


def test_a_policy_that_asks_well_recovers_more_and_earlier() -> None:
    found = tandem(rows_of(asked=10, right=30))
    # Through (0, 0), (0.25, 0.75) and (1, 1): 0.25 * 0.75 / 2 + 0.75 * 1.75 / 2.
    assert found["apgr"]["mean"] == pytest.approx(0.75)
    assert found["apgr"]["low"] < 0.75 < found["apgr"]["high"]  # type: ignore[operator]
    assert found["cpt50"] == pytest.approx(0.25 * 0.5 / 0.75)
    assert found["cpt80"] == pytest.approx(0.25 + 0.75 * 0.05 / 0.25)


def test_at_the_same_cost_a_rejected_slm_call_is_paid_too() -> None:
    # 20 of 40 rows at 1.1, 20 at 0.1: a mean of 0.6, for which random mixing asks for 5 in 9.
    assert tandem(rows_of(asked=20, right=20))["over_random"] == pytest.approx(0.5 - 5 / 9)
    assert tandem(rows_of(asked=40, right=40))["over_random"] is None, "dearer than the LLM alone"


def test_the_break_even_is_told_in_prices_and_in_compute() -> None:
    found = mixing(rows_of(asked=10, right=30))
    assert (found["n"], found["finding"]) == (40, "better")
    assert found["break_even_cost"] == pytest.approx(0.9)
    assert found["break_even_compute"] == 0.0, "a second of each"


def test_nothing_is_recovered_where_the_llm_is_not_better() -> None:
    rows = [row(n, policy, True) for n in range(40) for policy in ("slm_only", "llm_only")]
    rows += [row(n, "tandem", True) for n in range(40)]
    found = tandem(rows)
    assert (found["apgr"]["mean"], found["cpt50"], found["cpt80"]) == (None, None, None)


def test_rows_that_the_llm_ended_with_an_error_are_left_out() -> None:
    error = {"code": "egress_blocked", "what": "", "remedy": ""}
    rows = [*rows_of(10, 30), row(99, "slm_only", False), row(99, "llm_only", None, error=error)]
    assert mixing(rows)["n"] == 40
    alone = [row(1, "slm_only", True), row(1, "llm_only", None, error=error)]
    assert summarise("films", alone, SUITES)["groups"][0]["mixing"] is None


@given(SHARES, SHARES, st.floats(0.01, 1), SHARES)
def test_a_crossing_lies_on_the_lines(share: float, middle: float, end: float, x: float) -> None:
    points = [Point(0, 0), Point(share, middle), Point(1, end)]
    found = first_crossing(points, x * end)
    assert found is not None
    assert 0 <= found <= 1
    if found < share:
        assert middle * found / share == pytest.approx(x * end, abs=1e-6)


def test_what_is_never_reached_has_no_crossing() -> None:
    assert first_crossing([Point(0, 0.1), Point(1, 0.5)], 0.6) is None
