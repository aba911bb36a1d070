"""What a promise promises: over many draws it breaks no more often than it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.calibration.threshold import (
    Promise,
    Stage,
    accepted_at,
    best_score,
    certify,
    errors_allowed,
    grid,
    least_rows,
)

CONFIDENCE = 0.9
SPLITS = 200


def draw(generator: np.random.Generator, rows: int, mean: float) -> Stage:
    """Answers whose scores say more or less how probably they are right."""
    chance = generator.beta(3 * mean, 3 * (1 - mean), size=rows)
    scores = np.clip(chance + generator.normal(0, 0.05, size=rows), 0, 1)
    return Stage(scores, generator.random(rows) < chance)


@pytest.mark.parametrize(("target", "least"), [(0.9, 22), (0.95, 45), (0.8, 11)])
def test_the_least_sample_that_can_certify(target: float, least: int) -> None:
    assert least_rows(target, CONFIDENCE) == least
    assert errors_allowed(least, target, CONFIDENCE) == 0
    assert errors_allowed(least - 1, target, CONFIDENCE) == -1


@pytest.mark.parametrize("target", [0.0, 1.0, 1.2])
def test_a_target_that_is_no_share_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        least_rows(target, CONFIDENCE)


@given(st.integers(1, 400), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_the_test_is_the_exact_binomial_one(n: int, target: float, confidence: float) -> None:
    def tail(errors: int) -> float:
        return math.fsum(
            math.comb(n, k) * (1 - target) ** k * target ** (n - k) for k in range(errors + 1)
        )

    allowed = errors_allowed(n, target, confidence)
    if allowed >= 0:
        assert tail(allowed) <= (1 - confidence) * (1 + 1e-6)
    if allowed < n:
        assert tail(allowed + 1) > (1 - confidence) * (1 - 1e-6)


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("target", [0.8, 0.9])
def test_promises_break_no_more_often_than_stated(stages: int, target: float) -> None:
    generator = np.random.default_rng(6)
    means = (0.8, 0.75)[:stages]
    population = [draw(generator, 40_000, mean) for mean in means]
    broken = certified = 0
    for _ in range(SPLITS):
        fitted = [draw(generator, 300, mean) for mean in means]
        tested = [draw(generator, 300, mean) for mean in means]
        thresholds = grid(best_score(fitted), 300, target, CONFIDENCE)
        promise = certify(tested, thresholds, target, CONFIDENCE)
        if promise.threshold is None:
            continue
        certified += 1
        accepted, right = accepted_at(population, promise.threshold)
        broken += bool(right[accepted].mean() < target)
    allowed = SPLITS * (1 - CONFIDENCE)
    assert broken <= allowed + 3 * math.sqrt(allowed * CONFIDENCE)
    assert certified > SPLITS / 2


def test_a_naive_threshold_breaks_far_more_often() -> None:
    """So the simulation above could fail: what only looks right breaks about half the time."""
    generator, target = np.random.default_rng(6), 0.9
    population, broken = draw(generator, 40_000, 0.8), 0
    for _ in range(SPLITS):
        stage = draw(generator, 300, 0.8)
        order = np.argsort(-stage.scores)
        precision = np.cumsum(stage.right[order]) / np.arange(1, 301)
        last = np.flatnonzero(precision >= target)[-1]
        accepted, right = accepted_at([population], float(stage.scores[order][last]))
        broken += bool(right[accepted].mean() < target)
    assert broken > SPLITS / 3


def test_nothing_certified_is_a_result() -> None:
    generator = np.random.default_rng(1)
    stage = Stage(generator.random(400), generator.random(400) < 0.5)
    promise = certify([stage], grid(stage.scores, 400, 0.9, 0.9), 0.9, 0.9)
    assert (promise.threshold, promise.accepted, promise.share) == (None, 0, 0.0)
    assert "no threshold can promise 90 % right answers for sentiment" in promise.words("sentiment")


def test_too_few_rows_have_no_thresholds() -> None:
    assert len(grid(np.linspace(0, 1, 50), 21, 0.9, 0.9)) == 0
    assert len(grid(np.linspace(0, 1, 50), 22, 0.9, 0.9)) > 0


def test_answers_that_are_all_right_are_all_accepted() -> None:
    stage = Stage(np.linspace(0.5, 1, 100), np.ones(100, dtype=bool))
    promise = certify([stage], grid(stage.scores, 100, 0.9, 0.9), 0.9, 0.9)
    assert (promise.threshold, promise.share) == (0.0, 1.0)


def test_the_first_stage_that_accepts_answers() -> None:
    head = Stage(np.array([0.9, 0.2, 0.2]), np.array([False, True, True]))
    slm = Stage(np.array([0.9, 0.8, 0.1]), np.array([True, True, True]))
    accepted, right = accepted_at([head, slm], 0.5)
    assert accepted.tolist() == [True, True, False]
    assert right.tolist() == [False, True, False]


def test_a_promise_in_words() -> None:
    promise = Promise(("head",), 0.95, 0.9, 0.7, 400, 300, 5)
    assert promise.words("sentiment") == (
        "of the answers accepted without the LLM for sentiment at least 95 % are right, with "
        "90 % confidence (n=400)"
    )
