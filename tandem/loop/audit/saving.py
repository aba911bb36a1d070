"""What the SLM in front of the LLM saves, as an interval, and how many labelled rows settle it.

A row costs c today. With the SLM first it costs s, and c again where the check does not accept the
SLM's answer: the saving is a x c - s for an accepted share a. It pays from a = s / c on.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Final, NamedTuple

from tandem.loop.audit.report import Acceptance, Saving
from tandem.quality.calibration.threshold import HEADROOM, least_rows
from tandem.stats import wilson

MOST_ROWS: Final = 5000
"""More labelled rows than that are not asked of anybody."""
LEAST_ROWS: Final = 30
"""Fewer labelled rows than that settle nothing."""


class Movable(NamedTuple):
    """Rows that the SLM may try first: as estimated, at least and at most."""

    value: float
    low: float
    high: float


def saving(movable: Movable, cost: float, slm_cost: float, acceptance: Acceptance) -> Saving:
    """The saving on `movable` rows.

    Parameters
    ----------
    cost, slm_cost: of one row, today and on the SLM.
    """

    def of(rows: float, accepted: float) -> float:
        return rows * (accepted * cost - slm_cost)

    shares = (acceptance["low"], acceptance["high"])
    ends = [of(rows, share) for rows, share in product(movable[1:], shares)]
    return {
        "value": of(movable.value, acceptance["value"]),
        "low": min(ends),
        "high": max(ends),
        "slm_cost": slm_cost,
        "break_even": slm_cost / cost if cost else math.inf,
    }


def rows_to_label(made: Saving, acceptance: Acceptance, target: float, sure: float) -> int | None:
    """The fewest labelled rows that show whether it pays, and that can certify `target`.

    The first are those with which Wilson's interval around the acceptance that is expected now
    lies on one side of the break-even; the second, twice what the exact test needs, over the
    accepted share. None: where more than MOST_ROWS would be needed.
    """
    expected, edge = acceptance["value"], made["break_even"]
    promised = math.ceil(HEADROOM * least_rows(target, sure) / max(expected, 0.01))
    n = max(LEAST_ROWS, promised)
    while n <= MOST_ROWS:
        share = wilson(expected * n, n)
        if not share.low <= edge <= share.high:
            return n
        n = math.ceil(n * 1.1)
    return None
