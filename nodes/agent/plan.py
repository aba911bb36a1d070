"""The node that plans the agent's steps, and plans again where some failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import TandemError
from tandem.nodes.agent.dispatching import carried_out
from tandem.nodes.agent.planning import Planner
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.task import Agent
from tandem.nodes.agent.tools import Toolbox
from tandem.nodes.binding import bind, context_of
from tandem.nodes.state import Context
from tandem.records import Step
from tandem.services import Services


@dataclass(frozen=True)
class Plan:
    """Write the steps; goes on to `dispatch`. Without a first plan the run ends with the error;
    without a second one, with the answer that the first one's results make (`synthesise`)."""

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask for the plan."""
        call = bind(self.services, state, runtime, state["decision"]["tier"], "plan")
        before = state["steps"]
        try:
            prepared = dict(Agent().prepare(state["request"], state["profile"]))
            planner = self._planner(state, context_of(runtime), before)
            steps = planner.plan(state["request"], call)
        except TandemError as error:
            attempt = call.attempt(None, error=error.info())
            update: dict[str, Any] = {"next": "synthesise"}
            if not before:
                update = {"next": "end", "error": error.info()}
        else:
            attempt = call.attempt({step["id"]: step["tool"] for step in steps})
            update = {"prepared": prepared, "steps": [*before, *steps], "next": "dispatch"}
            runtime.stream_writer({"plan": attempt["output"]})
        self.services.ledger.add_attempt(state["run_id"], attempt)
        return {**update, "attempts": [*state["attempts"], attempt]}

    def _planner(self, state: AgentState, context: Context, before: list[Step]) -> Planner:
        left = self.services.settings.limits.agent_steps - carried_out(before)
        return Planner(self.toolbox(state, context), left, before)
