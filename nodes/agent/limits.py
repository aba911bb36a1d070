"""What an agent's run may take: tokens, money and time. A limit that is reached ends the steps, and
the answer is made of what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem.settings import Limits
from tandem.tools.base import ToolError

MORE_TIME: Final = "Allow more (limits.agent_seconds, the request's deadline_ms), or ask for less."
SHARE_FOR_STEPS: Final = 0.8
"""Share of a run's time that its steps may take; the rest is for the answer."""


class OutOfTime(ToolError):
    """There was no time left for the call."""

    code = "limit"


def ends_at(state: Mapping[str, Any], limits: Limits) -> float:
    """Unix time, in seconds, until which steps may work. `started` and `deadline` are those since
    the last pause (nodes/closing.py): what a person took to answer is no time of the run's."""
    return float(state["started"] + min(limits.agent_seconds, _share(state)))


def _share(state: Mapping[str, Any]) -> float:
    return float(SHARE_FOR_STEPS * (state["deadline"] - state["started"]))


def limit_reached(state: Mapping[str, Any], limits: Limits, currency: str, now: float) -> str:
    """The limit that is reached, in words; empty where none is.

    Parameters
    ----------
    state: `attempts`, `delegated`, `started` and `deadline`.
    now: unix time, seconds.
    """
    attempts = state["attempts"]
    tokens = sum(sum(attempt["usage"].values()) for attempt in attempts)
    if tokens >= limits.agent_tokens:
        return f"the limit of {limits.agent_tokens:,} tokens is reached (limits.agent_tokens)"
    cost = sum(each["cost"] for each in [*attempts, *state["delegated"]])
    if cost >= limits.agent_cost:
        return f"the limit of {limits.agent_cost:g} {currency} is reached (limits.agent_cost)"
    if now < ends_at(state, limits):
        return ""
    share = _share(state)
    if limits.agent_seconds <= share:
        return f"the limit of {limits.agent_seconds:g} s is reached (limits.agent_seconds)"
    return f"the steps' share of the time allowed, {share:.0f} s, is used up (the deadline)"
