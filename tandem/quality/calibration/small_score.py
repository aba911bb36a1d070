"""A SignalScore that can be fitted to a few dozen attempts.

Labels of field values and of answers are dear: a hundred rows hold some ten wrong ones. Isotonic
regression on so few makes steps that follow the sample and leave many rows with the same score. A
logistic regression with a stronger penalty is calibrated as it is; it is bent to the data only
where there are rows enough.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tandem.quality.calibration.linear import fit_linear, folds
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.score import FOLDS, FittedSignals, SignalScore

log = logging.getLogger(__name__)
Bools = NDArray[np.bool_]
STRENGTH: Final = 0.3
"""Inverse penalty: of 0.01 to 1 near the best for receipts' fields and for handbook answers."""
LEAST_OF_A_KIND: Final = 3
"""Right, and wrong, rows that a score needs: with fewer the share of right ones is all it knows."""
ENOUGH_TO_BEND: Final = 200
"""Rows from which on isotonic regression corrects the logistic's probabilities."""
IDENTITY: Final = Monotone((0.0, 1.0), (0.0, 1.0))


def fit_small_score(rows: Sequence[Mapping[str, float]], right: Bools) -> FittedSignals:
    """Fit to the signals of labelled attempts; `scores` are held out, by cross-validation.

    Signals that never vary are left out. Where there are too few right or wrong rows, or nothing
    varies, the score is the same for all: the share of right ones, one of each kind added.
    """
    hits = int(right.sum())
    names, table = _table(rows)
    if min(hits, len(right) - hits) < LEAST_OF_A_KIND or not names:
        return _share_alone(hits, len(right))
    mean, scale = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    features = np.where(np.isnan(table), 0.0, (table - mean) / scale)
    labels = right.astype(np.int64)
    dealt, held_out = folds(labels, FOLDS), np.zeros(len(right))
    for fold in range(FOLDS):
        inside, outside = dealt != fold, dealt == fold
        part = fit_linear(features[inside], labels[inside], 2, STRENGTH)
        held_out[outside] = np.exp(part(features[outside])[:, 1])
    model = fit_linear(features, labels, 2, STRENGTH)
    weights = (model.weights[:, 1] - model.weights[:, 0]).astype(float).tolist()
    bias = float(model.bias[1] - model.bias[0])
    score = SignalScore(
        names, tuple(mean.tolist()), tuple(scale.tolist()), tuple(weights), bias, IDENTITY
    )
    if len(right) >= ENOUGH_TO_BEND:
        score = replace(score, right=Monotone.fit(held_out, right))
    return FittedSignals(score, score.right(held_out))


def _table(rows: Sequence[Mapping[str, float]]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The names of the signals that vary, and their values; NaN where a row lacks one."""
    names = sorted({name for row in rows for name in row})
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=float)
    if not names:
        return (), table
    varies = np.nanstd(table, axis=0) > 1e-9
    return tuple(np.array(names)[varies].tolist()), table[:, varies]


def _share_alone(hits: int, count: int) -> FittedSignals:
    share = (hits + 1) / (count + 2)
    score = SignalScore((), (), (), (), 0.0, Monotone((0.0, 1.0), (share, share)))
    return FittedSignals(score, np.full(count, share))
