"""What a call of the LLM that was never made would have cost and taken: by the calls to the same
task that were made.

A call is drawn for each run that would get one: its cost by what the run's own SLM call held (the
tokens of one text go together), else as it is. Both what is drawn from and what is drawn vary, so
that the interval is that of the sum which would have been measured, not of its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.stats import CONFIDENCE, FEW, SEED

Floats = NDArray[np.float64]
LEAST: Final = 5
"""Fewer calls tell nothing."""
DRAWS: Final = 1000
_MOST_DRAWN: Final = 20_000_000


class Call(NamedTuple):
    """A call of the LLM at the new prices.

    Parameters
    ----------
    base: what the run's SLM call would cost at the LLM's token prices; 0.0: not known.
    repairs: whether a rejected answer was before it.
    """

    cost: float
    seconds: float
    base: float
    repairs: bool


class Figure(NamedTuple):
    """A number; exact where `low` and `high` equal it. JSON-plain by `_asdict`."""

    value: float
    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether nothing of it is estimated."""
        return self.low == self.value == self.high


def exactly(value: float) -> Figure:
    """A number that is known."""
    return Figure(value, value, value)


class Added(NamedTuple):
    """A run that would get a call.

    Parameters
    ----------
    base: as in Call. seconds: what the run takes without the call.
    """

    base: float
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """What all calls of a task would cost together, and the seconds of all its runs with them."""

    cost: Figure
    p50: Figure
    p95: Figure


def suited(calls: Sequence[Call], direct: bool, repair_is_anew: bool) -> list[Call]:
    """The calls that are like those which would be made; all where there are too few such."""
    if repair_is_anew:
        return list(calls)
    alike = [call for call in calls if call.repairs != direct]
    return alike if len(alike) >= LEAST else list(calls)


def mean_cost(calls: Sequence[Call], base: float) -> float:
    """What a call would cost on the average, for a run of this base."""
    known = [call for call in calls if call.base]
    if base and len(known) >= LEAST:
        return base * sum(call.cost for call in known) / sum(call.base for call in known)
    return sum(call.cost for call in calls) / len(calls)


class Group(NamedTuple):
    """Runs that would get a call, and at least LEAST calls like those."""

    calls: Sequence[Call]
    added: Sequence[Added]


def estimate(groups: Sequence[Group], fixed: Sequence[float]) -> Estimate:
    """Draw the calls of all groups.

    Parameters
    ----------
    fixed: the seconds of the runs that get none.
    """
    sources = [_Source.of(group.calls) for group in groups]
    bases = [np.array([one.base for one in group.added]) for group in groups]
    seconds = [np.array([one.seconds for one in group.added]) for group in groups]
    rng = np.random.default_rng(SEED)
    most = max(1, len(fixed) + sum(map(len, bases)))
    draws = int(np.clip(_MOST_DRAWN // most, 100, DRAWS))
    costs, halves, tails = np.zeros(draws), np.empty(draws), np.empty(draws)
    known = np.asarray(fixed, dtype=float)
    for at in range(draws):
        every = [known]
        for source, base, own in zip(sources, bases, seconds, strict=True):
            cost, took = source.drawn(rng, base)
            costs[at] += cost.sum()
            every.append(own + took)
        halves[at], tails[at] = np.quantile(np.concatenate(every), [0.5, 0.95])
    return Estimate(_widened(spread(costs), groups), spread(halves), spread(tails))


def spread(draws: Floats) -> Figure:
    """The middle and the interval of draws."""
    tail = (1 - CONFIDENCE) / 2
    low, middle, high = np.quantile(draws, [tail, 0.5, 1 - tail])
    return Figure(float(middle), float(low), float(high))


def _widened(found: Figure, groups: Sequence[Group]) -> Figure:
    """The figure of a cost; a bootstrap of few calls would claim too much."""
    if all(len(group.calls) >= FEW for group in groups):
        return found
    ends = [_ends(group) for group in groups]
    least, most = sum(low for low, _ in ends), sum(high for _, high in ends)
    return Figure(found.value, min(found.low, least), max(found.high, most))


def _ends(group: Group) -> tuple[float, float]:
    """The least and the most that the calls could cost, each the cheapest or the dearest seen."""
    ratios = [call.cost / call.base for call in group.calls if call.base]
    if ratios and all(one.base for one in group.added):
        total = sum(one.base for one in group.added)
        return total * min(ratios), total * max(ratios)
    costs = [call.cost for call in group.calls]
    return len(group.added) * min(costs), len(group.added) * max(costs)


@dataclass(frozen=True)
class _Source:
    cost: Floats
    seconds: Floats
    ratio: Floats
    """NaN where the base is not known."""

    @classmethod
    def of(cls, calls: Sequence[Call]) -> _Source:
        base = np.array([call.base or np.nan for call in calls])
        cost = np.array([call.cost for call in calls])
        return cls(cost, np.array([call.seconds for call in calls]), cost / base)

    def drawn(self, rng: Any, base: Floats) -> tuple[Floats, Floats]:
        """One draw: a resample of the calls, and of it one call a run."""
        again = rng.integers(0, len(self.cost), len(self.cost))
        taken = again[rng.integers(0, len(again), len(base))]
        by_ratio = base * self.ratio[taken]
        usable = (base > 0) & ~np.isnan(by_ratio)
        return np.where(usable, by_ratio, self.cost[taken]), self.seconds[taken]


def count_interval(known: int, changed: float, unknown: int) -> Figure:
    """How many of `known + unknown` rows are of a kind of which `changed` of the known ones are.

    The rest is drawn: a share by Jeffreys' prior and the known rows, then as many of the rest.
    Nothing known: anything from none to all of them.
    """
    if not unknown:
        return exactly(float(changed))
    if not known:
        return Figure(float("nan"), float(changed), float(changed + unknown))
    rng = np.random.default_rng(SEED)
    chance = rng.beta(changed + 0.5, max(0.0, known - changed) + 0.5, size=4 * DRAWS)
    return spread((changed + rng.binomial(unknown, chance)).astype(float))
