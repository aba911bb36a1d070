"""The node between the agent's steps: it takes in what ended, and sends what can be done now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.agent.dispatching import (
    arrange,
    carried_out,
    cut_short,
    goes_on,
    may_replan,
)
from tandem.nodes.agent.limits import limit_reached
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.tools import Toolbox, needed
from tandem.nodes.binding import context_of
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Dispatch:
    """Fold what the steps wrote into `steps`, `attempts` and `delegated`, of which it is the only
    writer while steps run, and send the next ones. Where there are none, it goes back to `plan`,
    once, if steps failed that another plan may get round; else to `synthesise`."""

    services: Services
    toolbox: Toolbox
    clock: Callable[[], float] = time.time

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Decide what comes next."""
        update = taken_in(state)
        settings = self.services.settings
        spent = {**state, **update}
        limit = limit_reached(spent, settings.limits, settings.currency, self.clock())
        if limit:
            # One that kept nothing from being done is not told: the answer lacks nothing for it.
            told = limit if goes_on(update["steps"]) else ""
            steps = cut_short(update["steps"], limit)
            return {**update, "steps": steps, "limit": told, "next": "synthesise"}
        tools = self.toolbox(state, context_of(runtime))
        for step in update["steps"]:
            if step["status"] == "planned":
                needed(tools, step["tool"])
        arranged = arrange(update["steps"], tools)
        update |= {"steps": arranged.steps, "sendings": arranged.sendings}
        if arranged.sendings:
            return {**update, "next": "send"}
        if not may_replan(arranged.steps):
            return {**update, "next": "synthesise"}
        most = settings.limits.agent_steps
        if carried_out(arranged.steps) < most:
            return {**update, "next": "plan"}
        limit = f"the limit of {most} steps is reached (limits.agent_steps)"
        return {**update, "limit": limit, "next": "synthesise"}


def taken_in(state: AgentState) -> dict[str, Any]:
    """The shared keys with what parallel steps wrote since, each of it once."""
    results = state.get("results", [])
    ended = {step["id"]: step for step in results[state.get("taken", 0) :]}
    attempts, delegated = state["attempts"], state["delegated"]
    known = {attempt["id"] for attempt in attempts} | {run["run_id"] for run in delegated}
    return {
        "taken": len(results),
        "steps": [ended.get(step["id"], step) for step in state["steps"]],
        "attempts": [*attempts, *(a for a in state.get("made", []) if a["id"] not in known)],
        "delegated": [*delegated, *(r for r in state.get("spent", []) if r["run_id"] not in known)],
    }
