from __future__ import annotations

from typing import Any

import pytest

from tandem.nodes.agent.limits import ends_at, limit_reached
from tandem.settings import Limits
from tests.unit.fakes import FakeTierCall, completion

LIMITS = Limits(agent_tokens=100, agent_cost=0.5, agent_seconds=40.0)


def state(**more: Any) -> dict[str, Any]:
    return {"attempts": [], "delegated": [], "started": 1000.0, "deadline": 1100.0, **more}


def attempt(tokens: int = 0, cost: float = 0.0) -> Any:
    usage: Any = {"input_tokens": tokens, "output_tokens": 0}
    call = FakeTierCall(done=[completion("x", usage=usage, cost=cost)])
    return call.attempt(None)


@pytest.mark.parametrize(
    ("spent", "now", "named"),
    [
        (state(attempts=[attempt(60), attempt(39)]), 1001, ""),
        (state(attempts=[attempt(60), attempt(40)]), 1001, "limits.agent_tokens"),
        (state(attempts=[attempt(1, 0.3)], delegated=[{"cost": 0.2}]), 1001, "limits.agent_cost"),
        (state(), 1039, ""),
        (state(), 1040, "limits.agent_seconds"),
        (state(deadline=1010.0), 1008, "the deadline"),
        (state(deadline=1010.0), 1007, ""),
    ],
)
def test_a_limit_that_is_reached_is_named(spent: Any, now: float, named: str) -> None:
    said = limit_reached(spent, LIMITS, "EUR", now)
    assert named in said
    assert bool(said) == bool(named)


def test_steps_leave_time_for_the_answer() -> None:
    assert ends_at(state(deadline=1010.0), LIMITS) == 1008.0
    assert ends_at(state(deadline=2000.0), LIMITS) == 1040.0
