"""Ways to choose a threshold, and how often what they promise breaks over many splits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tandem.quality.calibration.threshold import Stage, certify, grid

TARGETS = (0.8, 0.85, 0.9, 0.95)
CONFIDENCE = 0.9
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Rule = Callable[[Floats, Bools, Floats, float], float | None]
"""Scores and answers of calibration rows, scores of fit rows, target -> threshold."""


def own(scores: Floats, right: Bools, fitted: Floats, target: float) -> float | None:
    thresholds = grid(fitted, len(scores), target, CONFIDENCE)
    return certify([Stage(scores, right)], thresholds, target, CONFIDENCE).threshold


def own_from_calibration(
    scores: Floats, right: Bools, _fitted: Floats, target: float
) -> float | None:
    return own(scores, right, scores, target)


def naive(scores: Floats, right: Bools, _fitted: Floats, target: float) -> float | None:
    order = np.argsort(-scores)
    precision = np.cumsum(right[order]) / np.arange(1, len(scores) + 1)
    good = np.flatnonzero(precision >= target)
    return float(scores[order][good[-1]]) if len(good) else None


def mapie(method: str) -> Rule:
    from mapie.risk_control import BinaryClassificationController

    def rule(scores: Floats, right: Bools, fitted: Floats, target: float) -> float | None:
        params = np.linspace(0.01, 0.99, 99)
        if method == "fixed_sequence":
            params = grid(fitted, len(scores), target, CONFIDENCE)
            if not len(params):
                return None
        controller = BinaryClassificationController(
            predict_function=lambda x: np.stack([1 - x, x], axis=1),
            risk="precision",
            target_level=target,
            confidence_level=CONFIDENCE,
            list_predict_params=np.asarray(params),
            fwer_method=method,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            controller.calibrate(scores, right.astype(int))
        best = controller.best_predict_param
        return None if best is None else float(best)

    return rule


def rules() -> Iterator[tuple[str, Rule, int]]:
    """Name, rule, and how many splits it gets at most."""
    yield "own (grid of fit rows)", own, 1000
    yield "own (grid of calibration rows)", own_from_calibration, 1000
    yield "naive: loosest that looks right", naive, 1000
    try:
        yield "mapie bonferroni_holm", mapie("bonferroni_holm"), 20
        yield "mapie fixed_sequence, own grid", mapie("fixed_sequence"), 20
    except ImportError:
        print("skipped: mapie is not installed")


def told(
    rule: Rule,
    scores: Floats,
    right: Bools,
    fit: Ints,
    held: Ints,
    size: int,
    target: float,
    splits: int,
) -> str:
    """Share accepted and precision on test rows, and of the splits: promises that are false of all
    held-out rows (what was promised), that look false on the test rows alone (these add their own
    noise: with as many test rows as calibration rows nearly twice as many do), and nothing
    certified."""
    generator = np.random.default_rng(6)
    shares, precisions = [], []
    false = looks_false = nothing = 0
    for _ in range(splits):
        drawn = generator.permutation(held)
        calibrate, test = drawn[:size], drawn[size:]
        threshold = rule(scores[calibrate], right[calibrate], scores[fit], target)
        if threshold is None:
            nothing += 1
            shares.append(0.0)
            continue
        accepted = scores[test] >= threshold
        shares.append(accepted.mean())
        if accepted.any():
            precisions.append(right[test][accepted].mean())
            looks_false += precisions[-1] < target
            false += right[held][scores[held] >= threshold].mean() < target
    seen = f"{np.mean(precisions):.3f}" if precisions else "  -  "
    counts = f"{false:>2}/{looks_false:>2}/{nothing:>3}"
    return f"| {target:.2f}: {np.mean(shares):.2f} {seen} {counts} "
