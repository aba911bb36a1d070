"""Statistics that say how sure a figure is: intervals of a share or a mean, and paired tests.

All intervals are of 95 % unless `confidence` says otherwise; every resampling is seeded, so that
the same figures give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, Literal, NamedTuple

RESAMPLES: Final = 2000
FEW: Final = 20
"""Below so many values a bootstrap's interval is too narrow."""
_EXACT: Final = 12
"""Up to so many rows that differ all 2**n swaps are counted."""
SEED: Final = 20_261_124
CONFIDENCE: Final = 0.95
Finding = Literal["better", "worse", "inside the noise"]


class Interval(NamedTuple):
    """A mean (or a share) of `n` values, with the interval that it lies in."""

    mean: float
    low: float
    high: float
    n: int


class Comparison(NamedTuple):
    """a against b on the same rows."""

    difference: Interval
    """Mean of a minus b, with its interval."""
    p: float
    """Probability of a difference at least as large where there is none."""
    test: Literal["mcnemar", "paired permutation"]
    finding: Finding
    """What a is, compared with b."""


def wilson(successes: float, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share.

    `successes` may be a sum of values from 0 to 1: no such values vary more than zeros and ones of
    the same mean, so the interval is then too wide rather than too narrow.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The ends are exact at 0 and 1, where rounding would leave the share outside.
    low, high = max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
    return Interval(share, low, high, n)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The interval of the mean of scores from 0 to 1.

    Wilson's where all are 0 or 1, and where resampling would claim too much certainty (few values,
    or all equal); else a percentile bootstrap.
    """
    n = len(values)
    if n < FEW or set(values) <= {0.0, 1.0} or len(set(values)) == 1:
        return wilson(math.fsum(values), n, confidence)
    return _bootstrap(values, confidence)


def compare(a: Sequence[float], b: Sequence[float], confidence: float = CONFIDENCE) -> Comparison:
    """a against b, row by row.

    Where there is no difference, each row's two scores could as well be swapped: the test is how
    often swapping at random gives as large a mean difference. Where all scores are 0 or 1 that is
    McNemar's exact test. The interval of the difference is a paired bootstrap's.

    Raises
    ------
    ValueError: the lengths differ, or there is no row.
    """
    if len(a) != len(b) or not a:
        raise ValueError("a comparison needs the same rows, at least one, on both sides")
    differences = [left - right for left, right in zip(a, b, strict=True)]
    binary = {*a, *b} <= {0.0, 1.0}
    difference = _bootstrap(differences, confidence)
    p = _mcnemar_of(differences) if binary else _permutation_p(differences)
    finding: Finding = "inside the noise"
    if p < 1 - confidence:
        finding = "better" if difference.mean > 0 else "worse"
    return Comparison(difference, p, "mcnemar" if binary else "paired permutation", finding)


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided exact p of McNemar's test: of the rows that one alone got right, how many were a's.

    Source: McNemar (1947); the exact form is a binomial test with p = 1/2.
    """
    n = only_a + only_b
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, tail / (1 << (n - 1)))


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of `values` lie, linearly interpolated; None of none."""
    return _quantile(values, share) if values else None


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _mcnemar_of(differences: Sequence[float]) -> float:
    return mcnemar_exact(
        sum(difference > 0 for difference in differences),
        sum(difference < 0 for difference in differences),
    )


def _bootstrap(values: Sequence[float], confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    means = _resampled(values)
    low, high = _quantile(means, tail), _quantile(means, 1 - tail)
    return Interval(math.fsum(values) / len(values), low, high, len(values))


def _permutation_p(differences: Sequence[float]) -> float:
    """Two-sided, over swaps of the rows that differ: all where they are few, else a sample."""
    import numpy as np

    moved = np.asarray([one for one in differences if one], dtype=float)
    if len(moved) == 0:
        return 1.0
    observed = abs(moved.sum()) - 1e-9  # sums of the same numbers differ by rounding
    if len(moved) <= _EXACT:
        bits = np.arange(2 ** len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float((abs((1 - 2 * bits) @ moved) >= observed).mean())
    signs = np.random.default_rng(SEED).choice([-1.0, 1.0], size=(RESAMPLES, len(moved)))
    as_large = int((abs(signs @ moved) >= observed).sum())
    return (1 + as_large) / (1 + RESAMPLES)


def _resampled(values: Sequence[float]) -> list[float]:
    import numpy as np

    given = np.asarray(values, dtype=float)
    generator = np.random.default_rng(SEED)
    means: list[float] = []
    for _ in range(0, RESAMPLES, 100):  # in parts, so that many rows need little memory
        drawn = generator.integers(0, len(given), size=(100, len(given)))
        means.extend(given[drawn].mean(axis=1).tolist())
    return means
