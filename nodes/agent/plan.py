"""The node that plans the agent's steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import TandemError
from tandem.nodes.agent.task import Agent
from tandem.nodes.agent.tools import Subtasks, agent_tools
from tandem.nodes.binding import bind, context_of
from tandem.nodes.agent.planning import Planner
from tandem.nodes.state import Context, State
from tandem.services import Services
from tandem.tools.base import Tool


@dataclass(frozen=True)
class Plan:
    """Write the steps; goes on to `act`, or out with the error where there is no plan.

    Parameters
    ----------
    subtasks: runs a request under this run.
    tools: the application's own, beside the shipped ones.
    """

    services: Services
    subtasks: Subtasks
    tools: tuple[Tool, ...] = ()

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask for the plan."""
        call = bind(self.services, state, runtime, state["decision"]["tier"], "plan")
        try:
            prepared = dict(Agent().prepare(state["request"], state["profile"]))
            planner = self._planner(state, context_of(runtime))
            steps = planner.plan(state["request"], call)
        except TandemError as error:
            attempt = call.attempt(None, error=error.info())
            update: dict[str, Any] = {"error": error.info(), "next": "quality_check"}
        else:
            attempt = call.attempt({step["id"]: step["tool"] for step in steps})
            update = {"prepared": prepared, "steps": steps, "next": "act"}
            runtime.stream_writer({"plan": attempt["output"]})
        self.services.ledger.add_attempt(state["run_id"], attempt)
        return {**update, "attempts": [*state["attempts"], attempt]}

    def _planner(self, state: State, context: Context) -> Planner:
        run_task = self.subtasks(state, context, [])
        tools = agent_tools(self.services, run_task, self.tools, state["request"])
        return Planner(tools, self.services.settings.limits.agent_steps)
