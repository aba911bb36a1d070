"""The node that plans the agent's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import TandemError
from tandem.nodes.agent.planning import Planner
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.task import Agent
from tandem.nodes.agent.tools import Toolbox
from tandem.nodes.binding import bind, context_of
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Plan:
    """Write the steps; goes on to `dispatch`, or out with the error where there is no plan."""

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask for the plan."""
        call = bind(self.services, state, runtime, state["decision"]["tier"], "plan")
        try:
            prepared = dict(Agent().prepare(state["request"], state["profile"]))
            tools = self.toolbox(state, context_of(runtime))
            planner = Planner(tools, self.services.settings.limits.agent_steps)
            steps = planner.plan(state["request"], call)
        except TandemError as error:
            attempt = call.attempt(None, error=error.info())
            update: dict[str, Any] = {"error": error.info(), "next": "end"}
        else:
            attempt = call.attempt({step["id"]: step["tool"] for step in steps})
            update = {"prepared": prepared, "steps": steps, "next": "dispatch"}
            runtime.stream_writer({"plan": attempt["output"]})
        self.services.ledger.add_attempt(state["run_id"], attempt)
        return {**update, "attempts": [*state["attempts"], attempt]}
