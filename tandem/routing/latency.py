"""Which tier can answer before the deadline, by the speeds that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.ledger.speeds import Speed
from tandem.records import TierName


@dataclass(frozen=True)
class Choice:
    """A tier, and why in words and numbers."""

    tier: TierName
    reason: str


def tier_in_time(
    first: TierName, speeds: Mapping[TierName, Speed], left_s: float, llm_allowed: bool
) -> Choice:
    """The first tier where 19 of 20 of its answers came in time, else the other where its do.

    A tier whose speed is not known is taken as in time: the deadline cuts its calls anyway. Where
    neither is in time, the faster one tries.
    """
    speed = speeds.get(first)
    if speed is None:
        return Choice(first, f"the speed of the {first.upper()} is not known for this task")
    told = f"the {first.upper()} takes {speed.told}"
    if speed.within(left_s):
        return Choice(first, f"{told} and {left_s:.2f} s are left")
    other: TierName = "slm" if first == "llm" else "llm"
    theirs = speeds.get(other)
    if theirs is None or (other == "llm" and not llm_allowed):
        return Choice(first, f"{told} and only {left_s:.2f} s are left; it tries all the same")
    faster = theirs.p95 < speed.p95 and not theirs.cut
    if theirs.within(left_s) or faster:
        return Choice(
            other,
            f"{told} and only {left_s:.2f} s are left: the {other.upper()}, which takes "
            f"{theirs.told}, starts",
        )
    return Choice(
        first, f"{told}, only {left_s:.2f} s are left, and the other is not known to be faster"
    )


def too_late(what: str, speed: Speed | None, left_s: float) -> str:
    """Why a further attempt is not begun; empty where it may end in time, or its speed is unknown.

    Parameters
    ----------
    what: how the sentence on its speed starts.
    """
    if left_s <= 0:
        return "the deadline has passed"
    if speed is None or speed.within(left_s):
        return ""
    return f"{what} {speed.told} and only {left_s:.2f} s are left"
