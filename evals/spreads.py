"""Statistics as plain data: means with intervals, and quantiles of seconds."""

from __future__ import annotations

from collections.abc import Sequence

from tandem import stats
from tandem.evals.summary import Latency, Spread


def spread(values: Sequence[float]) -> Spread:
    """Mean and interval of scores from 0 to 1."""
    if not values:
        return {"mean": None, "low": None, "high": None, "n": 0}
    return spread_of(stats.mean_interval(values))


def spread_of(interval: stats.Interval) -> Spread:
    """An interval as plain data."""
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}


def latency(seconds: Sequence[float]) -> Latency:
    """Quantiles of `seconds`."""
    return {
        "p05": stats.quantile(seconds, 0.05),
        "p25": stats.quantile(seconds, 0.25),
        "p50": stats.quantile(seconds, 0.5),
        "p75": stats.quantile(seconds, 0.75),
        "p95": stats.quantile(seconds, 0.95),
        "mean": sum(seconds) / len(seconds) if seconds else None,
        "n": len(seconds),
    }
