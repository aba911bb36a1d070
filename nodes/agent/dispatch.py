"""The node between the agent's steps: it takes in what ended, and sends what can be done now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.agent.dispatching import arrange
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.tools import Toolbox
from tandem.nodes.binding import context_of
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Dispatch:
    """Fold what the steps wrote into `steps`, `attempts` and `delegated`, of which it is the only
    writer while steps run, and send the next ones; goes to `synthesise` where there are none."""

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Decide what comes next."""
        update = taken_in(state)
        arranged = arrange(update["steps"], self.toolbox(state, context_of(runtime)))
        update |= {"steps": arranged.steps, "sendings": arranged.sendings}
        return {**update, "next": "send" if arranged.sendings else "synthesise"}


def taken_in(state: AgentState) -> dict[str, Any]:
    """The shared keys with what parallel steps wrote, each of it once."""
    ended = {step["id"]: step for step in state.get("results", [])}
    attempts, delegated = state["attempts"], state["delegated"]
    known = {attempt["id"] for attempt in attempts} | {run["run_id"] for run in delegated}
    return {
        "steps": [ended.get(step["id"], step) for step in state["steps"]],
        "attempts": [*attempts, *(a for a in state.get("made", []) if a["id"] not in known)],
        "delegated": [*delegated, *(r for r in state.get("spent", []) if r["run_id"] not in known)],
    }
