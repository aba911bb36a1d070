"""What lies between the SLM and the LLM alone: random mixing, the break-even, APGR and CPT.

APGR and CPT are RouteLLM's (Ong et al., 2024, arXiv:2406.18665). A policy with one setting is one
measured point; the curve through it and the two ends is computed, since between two policies any
share can be had by mixing them at random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from tandem import stats
from tandem.evals.beside_llm import Rows, seconds_of_models
from tandem.evals.result import Result, asked_llm, quality_of
from tandem.evals.summary import Curve, Mixing, Spread

if TYPE_CHECKING:
    import numpy as np

ENDS: Final = ("slm_only", "llm_only")
_NONE: Final[Spread] = {"mean": None, "low": None, "high": None, "n": 0}


class Point(NamedTuple):
    """A share of rows on which the LLM worked (of those on which `llm_only` did), and quality."""

    share: float
    quality: float


def mixing_of(
    by_policy: Mapping[str, Rows], primary: Mapping[str, str], others: Sequence[str]
) -> Mixing | None:
    """The figures between the two ends; a curve for each of the policies `others`.

    Rows that `llm_only` ended with an error are left out: it says nothing of the LLM. None where
    no row is left.
    """
    slm, llm = (by_policy.get(name, {}) for name in ENDS)
    rows = [row for row in slm if row in llm and not llm[row]["error"]]
    if not rows:
        return None
    low, high = _qualities(slm, rows, primary), _qualities(llm, rows, primary)
    finding = stats.compare(high, low).finding
    ends = [[own[row] for row in rows] for own in (slm, llm)]
    cheap, dear = (sum(one["cost"] for one in end) for end in ends)
    curves = [
        _curve(name, by_policy, [row for row in rows if row in by_policy[name]], primary)
        for name in others
        if any(row in by_policy[name] for row in rows)
    ]
    return {
        "n": len(rows),
        "slm_quality": sum(low) / len(rows),
        "llm_quality": sum(high) / len(rows),
        "finding": finding,
        "break_even_cost": _break_even(cheap, dear),
        "break_even_compute": _break_even(*map(seconds_of_models, ends)),
        "curves": curves,
    }


def first_crossing(points: Sequence[Point], quality: float) -> float | None:
    """The smallest share at which the lines through `points` reach `quality`; None for never."""
    if points[0].quality >= quality:
        return points[0].share
    for left, right in pairwise(points):
        if right.quality >= quality:
            done = (quality - left.quality) / (right.quality - left.quality)
            return left.share + done * (right.share - left.share)
    return None


def _break_even(cheap: float, dear: float) -> float | None:
    """With c the cost of an SLM call and d of an LLM call, c + share * d < d."""
    return max(0.0, 1 - cheap / dear) if dear else None


def _curve(
    name: str, by_policy: Mapping[str, Rows], rows: Sequence[str], primary: Mapping[str, str]
) -> Curve:
    slm, own, llm = (
        [by_policy[each][row] for row in rows] for each in ("slm_only", name, "llm_only")
    )
    low, mine, high = ([quality_of(one, primary) for one in each] for each in (slm, own, llm))
    asked, most = ([float(asked_llm(one)) for one in each] for each in (own, llm))
    share = min(1.0, sum(asked) / sum(most)) if any(most) else 0.0
    start, middle, end = (sum(each) / len(rows) for each in (low, mine, high))
    points = [Point(0.0, start), Point(share, middle), Point(1.0, end)]
    better = stats.compare(high, low).finding == "better"
    return {
        "policy": name,
        "n": len(rows),
        "llm_share": share,
        "quality": middle,
        "over_random": _over_random(points, slm, own, llm),
        "apgr": _apgr([low, mine, high, asked, most]) if better else _NONE,
        "cpt50": first_crossing(points, start + 0.5 * (end - start)) if better else None,
        "cpt80": first_crossing(points, start + 0.8 * (end - start)) if better else None,
    }


def _over_random(points: Sequence[Point], *results: Sequence[Result]) -> float | None:
    """The mixture asks the LLM for the share that makes it cost as much as the policy."""
    cheap, mine, dear = (sum(one["cost"] for one in each) for each in results)
    if dear <= cheap or not cheap <= mine <= dear:
        return None
    start, own, end = (point.quality for point in points)
    return own - (start + (mine - cheap) / (dear - cheap) * (end - start))


def _apgr(columns: Sequence[Sequence[float]]) -> Spread:
    """With a paired bootstrap's interval: rows are drawn, and all that was measured on them."""
    import numpy as np

    table = np.asarray(columns, dtype=float)
    n = table.shape[1]
    generator = np.random.default_rng(stats.SEED)
    drawn: list[float] = []
    for _ in range(0, stats.RESAMPLES, 100):  # in parts, so that many rows need little memory
        found = _recovered(table[:, generator.integers(0, n, size=(100, n))].mean(axis=2))
        drawn.extend(found[np.isfinite(found)].tolist())
    low, high = (stats.quantile(drawn, share) for share in (0.025, 0.975))
    return {"mean": float(_recovered(table.mean(axis=1))), "low": low, "high": high, "n": n}


def _recovered(means: np.ndarray) -> np.ndarray:
    """APGR of mean qualities (SLM, policy, LLM) and shares (policy, LLM), along the first axis: the
    area under the lines through the three points; nan where the LLM is no better."""
    import numpy as np

    low, mine, high, asked, most = means
    share = np.minimum(1.0, asked / np.maximum(most, 1e-12))
    under = share * (low + mine) / 2 + (1 - share) * (mine + high) / 2
    found: np.ndarray = (under - low) / np.where(high > low, high - low, np.nan)
    return found


def _qualities(rows: Rows, names: Sequence[str], primary: Mapping[str, str]) -> list[float]:
    return [quality_of(rows[name], primary) for name in names]
