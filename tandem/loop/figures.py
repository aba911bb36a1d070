"""Figures as reports print them: what is not known is a dash with the reason, never "nan"."""

from __future__ import annotations

import math

from tandem.stats import Interval

UNKNOWN_AREA = "- (all right, or all wrong)"


def or_none(value: float) -> float | None:
    """A figure as a card holds it: None in place of NaN, which JSON does not have."""
    return None if math.isnan(value) else value


def shown(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where it is not known."""
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def area(value: float | None) -> str:
    """An area under the ROC curve; unknown where there are no two kinds of answers."""
    told = shown(value)
    return UNKNOWN_AREA if told == "-" else told


def share(interval: Interval) -> str:
    """A share with its interval, or why there is none."""
    if not interval.n:
        return "- (none accepted)"
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
