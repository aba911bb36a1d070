"""Figures as people read them, in the report and in the terminal."""

from __future__ import annotations

from typing import Final

from tandem.evals.summary import Spread

NOTHING: Final = "-"


def spread_text(spread: Spread) -> str:
    """`0.832 (0.799-0.862)`."""
    if spread["mean"] is None:
        return NOTHING
    if spread["low"] is None or spread["high"] is None:
        return f"{spread['mean']:.3f}"
    return f"{spread['mean']:.3f} ({spread['low']:.3f}-{spread['high']:.3f})"


def signed_text(spread: Spread) -> str:
    """A difference: `+0.051 (+0.019 to +0.084)`."""
    if spread["mean"] is None or spread["low"] is None or spread["high"] is None:
        return NOTHING
    return f"{spread['mean']:+.3f} ({spread['low']:+.3f} to {spread['high']:+.3f})"


def share_text(share: float | None) -> str:
    """`13.8%`."""
    return NOTHING if share is None else f"{share:.1%}"


def time_text(value: float | None) -> str:
    """`1.35`."""
    return NOTHING if value is None else f"{value:.2f}"
