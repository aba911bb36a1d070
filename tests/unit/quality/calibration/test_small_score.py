"""Scores from a few dozen attempts."""

from __future__ import annotations

import numpy as np
import pytest

from tandem.quality.calibration.curves import auroc, calibration_error
from tandem.quality.calibration.small_score import fit_small_score


def attempts(count: int, seed: int = 3) -> tuple[list[dict[str, float]], np.ndarray]:  # type: ignore[type-arg]
    """Attempts of which `sure` tells much, `noise` nothing, and `fixed` never varies."""
    generator = np.random.default_rng(seed)
    right = generator.random(count) < 0.75
    rows = [
        {
            "sure": generator.normal(1.5 if good else 0.0),
            "noise": generator.normal(),
            "fixed": 2.0,
        }
        for good in right
    ]
    return rows, right


@pytest.mark.parametrize("count", [80, 400])
def test_it_ranks_and_is_calibrated_on_rows_it_never_saw(count: int) -> None:
    score = fit_small_score(*attempts(count)).score
    assert set(score.names) == {"sure", "noise"}
    rows, right = attempts(2000, seed=9)
    scores = np.array([score(row) for row in rows])
    assert auroc(scores, right) > 0.8
    assert calibration_error(scores, right) < 0.08


def test_its_own_rows_scores_are_held_out() -> None:
    generator = np.random.default_rng(1)
    rows = [{str(name): generator.normal() for name in range(30)} for _ in range(60)]
    right = generator.random(60) < 0.5
    assert auroc(fit_small_score(rows, right).scores, right) < 0.75


@pytest.mark.parametrize("wrong", [0, 2])
def test_with_too_few_wrong_ones_the_share_is_all_it_says(wrong: int) -> None:
    right = np.arange(38) >= wrong
    fitted = fit_small_score([{"sure": float(at)} for at in range(38)], right)
    assert fitted.score.names == ()
    assert fitted.score({"sure": 99.0}) == pytest.approx((39 - wrong) / 40)
    assert set(fitted.scores) == {fitted.score({})}


def test_no_rows_make_no_claim() -> None:
    assert fit_small_score([], np.array([], dtype=bool)).score({}) == 0.5


def test_a_signal_that_lacks_counts_as_the_usual_one() -> None:
    rows, right = attempts(80)
    score = fit_small_score(rows, right).score
    usual = dict(zip(score.names, score.mean, strict=True))
    assert score({}) == score(usual)
