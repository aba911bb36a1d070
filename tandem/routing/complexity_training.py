"""Train the complexity part of the routing head, and say what it is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tandem.routing.complexity import Complexity
from tandem.routing.features import COUNTS, counts
from tandem.routing.labelled import Labelled
from tandem.stats import CONFIDENCE, RESAMPLES, SEED, Interval, quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS: Final = 5
MIN_ROWS: Final = 10
"""Fewer answers of a task say too little about it; such rows are left out."""
MIN_ALL: Final = 50
SCALE_COUNTS: Final = 0.3
SCALE_TASK: Final = 3.0


class Worth(NamedTuple):
    """Area under the ROC curve for "the SLM's answer will be wrong", on held-out rows; 0.5 is a
    constant's."""

    n: int
    failed: int
    auroc: Interval
    by_task_alone: Interval
    by_length: Interval
    """Of the text's length, longer counting as harder."""
    better_than_task: float
    """Share of bootstrap samples in which it is above the task alone."""


class TrainedComplexity(NamedTuple):
    """The part and its worth."""

    complexity: Complexity
    worth: Worth


def train_complexity(rows: Sequence[Labelled]) -> TrainedComplexity | None:
    """Train on the rows that say whether the SLM failed; None where these are too few, or all
    of one kind."""
    import numpy as np

    counted = Counter(row.task for row in rows if row.slm_failed is not None)
    used = [r for r in rows if r.slm_failed is not None and counted[r.task] >= MIN_ROWS]
    failed = np.array([bool(row.slm_failed) for row in used])
    least = int(min(failed.sum(), len(failed) - failed.sum())) if used else 0
    if len(used) < MIN_ALL or least < FOLDS:
        return None
    tasks = sorted({row.task for row in used})
    task = np.array([[SCALE_TASK * (row.task == one) for one in tasks] for row in used])
    counted_all = np.array([counts(row.request) for row in used])
    means, spreads = counted_all.mean(axis=0), counted_all.std(axis=0)
    spreads[spreads < 1e-6] = 1.0
    both = np.hstack([task, (counted_all - means) / spreads * SCALE_COUNTS])
    worth = _worth(failed, _held_out(both, failed), _held_out(task, failed), counted_all[:, 0])
    model = _fitted(both, failed)
    weights = model.coef_[0, len(tasks) :] * SCALE_COUNTS / spreads
    bias = float(model.intercept_[0]) - float(weights @ means)
    odds = {
        one: bias + SCALE_TASK * float(weight)
        for one, weight in zip(tasks, model.coef_[0], strict=False)
    }
    assert weights.shape == (len(COUNTS),)
    return TrainedComplexity(Complexity(odds, weights.astype(np.float32)), worth)


def _fitted(matrix: NDArray[Any], failed: NDArray[Any]) -> Any:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    return LogisticRegression(max_iter=500).fit(matrix, failed)


def _held_out(matrix: NDArray[Any], failed: NDArray[Any]) -> NDArray[Any]:
    import numpy as np
    from sklearn.model_selection import StratifiedKFold  # type: ignore[import-untyped]

    scores = np.zeros(len(failed))
    for seen, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(
        matrix, failed
    ):
        scores[unseen] = _fitted(matrix[seen], failed[seen]).predict_proba(matrix[unseen])[:, 1]
    return scores


def _worth(
    failed: NDArray[Any], both: NDArray[Any], task: NDArray[Any], length: NDArray[Any]
) -> Worth:
    import numpy as np

    generator = np.random.default_rng(SEED)
    drawn: list[tuple[float, float, float]] = []
    while len(drawn) < RESAMPLES:
        rows = generator.integers(0, len(failed), len(failed))
        if failed[rows].any() and not failed[rows].all():
            drawn.append(
                (
                    auroc(both[rows], failed[rows]),
                    auroc(task[rows], failed[rows]),
                    auroc(length[rows], failed[rows]),
                )
            )
    auroc_, alone, by_length = (
        Interval(
            auroc(scores, failed),
            quantile(column, (1 - CONFIDENCE) / 2) or 0.0,
            quantile(column, (1 + CONFIDENCE) / 2) or 0.0,
            len(failed),
        )
        for scores, column in zip((both, task, length), zip(*drawn, strict=True), strict=True)
    )
    above = sum(one > other for one, other, _ in drawn) / len(drawn)
    return Worth(len(failed), int(failed.sum()), auroc_, alone, by_length, above)


def auroc(scores: NDArray[Any], positive: NDArray[Any]) -> float:
    """Probability that a positive row's score is above a negative's, ties counting half.

    Source: Hanley and McNeil (1982), The meaning and use of the area under a ROC curve.
    """
    import numpy as np

    _, inverse, times = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - (times - 1) / 2)[inverse]
    n = int(positive.sum())
    above = ranks[positive].sum() - n * (n + 1) / 2
    return float(above / (n * (len(scores) - n)))
