"""How good a score is: risk-coverage, areas under curves, calibration error, cost-quality."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Curve(NamedTuple):
    """Points of a curve: `x` rises from 0 to 1."""

    x: Floats
    y: Floats


def risk_coverage(scores: Floats, right: Bools) -> Curve:
    """Error rate (y) among the best-scored share (x) of the rows.

    Equal scores are told apart by nothing, so each takes its group's own error rate.
    Source: El-Yaniv and Wiener (2010), On the foundations of noise-free selective classification.
    """
    order = np.argsort(-scores, kind="stable")
    wrong = _tied_means(scores[order], (~right[order]).astype(float))
    counts = np.arange(1, len(scores) + 1)
    return Curve(counts / len(scores), np.cumsum(wrong) / counts)


def aurc(scores: Floats, right: Bools) -> float:
    """Area under the risk-coverage curve: the mean error rate over all shares; less is better."""
    return float(risk_coverage(scores, right).y.mean())


def auroc(scores: Floats, right: Bools) -> float:
    """Probability that a right answer scores higher than a wrong one; NaN where one kind lacks."""
    positive = int(right.sum())
    negative = len(right) - positive
    if not positive or not negative:
        return float("nan")
    ranks = _ranks(scores)
    above = float(ranks[right].sum()) - positive * (positive + 1) / 2
    return above / (positive * negative)


def calibration_error(probabilities: Floats, right: Bools, bins: int = 10) -> float:
    """Expected calibration error: mean gap between stated and observed, over bins of equal rows.

    Source: Nixon et al. (2019), Measuring calibration in deep learning (adaptive bins).
    """
    order = np.argsort(probabilities, kind="stable")
    gap = 0.0
    for part in np.array_split(order, min(bins, len(order))):
        gap += len(part) * abs(float(probabilities[part].mean() - right[part].mean()))
    return gap / len(order)


def cost_quality(
    best: Floats, local_right: Bools, llm_right: Bools, local_cost: Floats, llm_cost: Floats
) -> tuple[Curve, Floats]:
    """The cascade's quality (y) over the share that goes to the LLM (x), and its mean cost.

    The rows of the lowest scores go first; `local_cost` is paid for every row, rejected or not.
    """
    order = np.argsort(best, kind="stable")
    rows = len(best)
    gained = llm_right[order].astype(float) - local_right[order].astype(float)
    share = np.arange(rows + 1) / rows
    quality = local_right.mean() + np.concatenate([[0.0], np.cumsum(gained)]) / rows
    cost = local_cost.mean() + np.concatenate([[0.0], np.cumsum(llm_cost[order])]) / rows
    return Curve(share, quality), cost


def apgr(curve: Curve, weak: float, strong: float) -> float:
    """Average share of the quality gap that routing recovers; 0.5 is random, NaN without a gap.

    Source: Ong et al. (2024), RouteLLM.
    """
    if strong == weak:
        return float("nan")
    area = float(np.sum(np.diff(curve.x) * (curve.y[1:] + curve.y[:-1]) / 2))
    return (area - weak) / (strong - weak)


def cpt(curve: Curve, weak: float, strong: float, share: float) -> float:
    """The least share of LLM calls whose quality reaches `weak` + `share` of the gap (first
    crossing); NaN where none does."""
    reached = np.nonzero(curve.y >= weak + share * (strong - weak) - 1e-12)[0]
    return float(curve.x[reached[0]]) if len(reached) else float("nan")


def _ranks(scores: Floats) -> Floats:
    """Ranks from 1 on; equal scores share their mean rank."""
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = _tied_means(scores[order], np.arange(1.0, len(scores) + 1))
    return ranks


def _tied_means(ordered: Floats, values: Floats) -> Floats:
    """`values` with those of equal neighbours in `ordered` replaced by their mean."""
    _, start, count = np.unique(ordered, return_index=True, return_counts=True)
    result = values.astype(float)
    for at, size in zip(start, count, strict=True):
        if size > 1:
            result[at : at + size] = values[at : at + size].mean()
    return result
