"""Figures on small examples whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.calibration.curves import (
    apgr,
    aurc,
    auroc,
    calibration_error,
    cost_quality,
    cpt,
    risk_coverage,
)

SCORES = np.array([0.9, 0.8, 0.7, 0.6])
RIGHT = np.array([True, True, False, True])


def test_risk_coverage() -> None:
    curve = risk_coverage(SCORES, RIGHT)
    assert curve.x.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.y.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert aurc(SCORES, RIGHT) == pytest.approx((1 / 3 + 1 / 4) / 4)


def test_auroc_counts_pairs() -> None:
    assert auroc(SCORES, RIGHT) == pytest.approx(2 / 3)
    assert np.isnan(auroc(SCORES, np.ones(4, dtype=bool)))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_auroc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([float(score) for score, _ in rows])
    right = np.array([yes for _, yes in rows])
    if right.all() or not right.any():
        return
    p, n = scores[right][:, None], scores[~right][None, :]
    assert auroc(scores, right) == pytest.approx(float(((p > n) + 0.5 * (p == n)).mean()))


def test_equal_scores_tell_nothing() -> None:
    flat = np.full(4, 0.5)
    assert auroc(flat, RIGHT) == pytest.approx(0.5)
    assert aurc(flat, RIGHT) == pytest.approx(0.25)


def test_calibration_error() -> None:
    right = np.array([True] * 9 + [False])
    assert calibration_error(np.full(10, 0.9), right, bins=1) == pytest.approx(0.0)
    assert calibration_error(np.full(10, 0.6), right, bins=1) == pytest.approx(0.3)


def test_the_cascades_cost_and_quality() -> None:
    best = np.array([0.1, 0.9])
    local, llm = np.array([False, True]), np.array([True, True])
    curve, cost = cost_quality(best, local, llm, np.array([1.0, 1.0]), np.array([50.0, 50.0]))
    assert curve.x.tolist() == [0, 0.5, 1]
    assert curve.y.tolist() == [0.5, 1.0, 1.0]
    assert cost.tolist() == [1, 26, 51]
    assert apgr(curve, 0.5, 1.0) == pytest.approx(0.75)
    assert cpt(curve, 0.5, 1.0, 0.8) == 0.5
    assert np.isnan(apgr(curve, 0.5, 0.5))
