"""The node that carries out the agent's next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.agent.acting import Actor
from tandem.nodes.agent.tools import Subtasks, agent_tools
from tandem.nodes.binding import bind, context_of
from tandem.nodes.state import Context, State
from tandem.records import Delegated
from tandem.services import Services
from tandem.tools.base import Tool


@dataclass(frozen=True)
class Act:
    """Carry out the first step that is still planned; goes on to `act` while there are more, then
    to `synthesise`. A failed step does not end the work.

    Parameters
    ----------
    subtasks: runs a request under this run.
    tools: the application's own, beside the shipped ones.
    """

    services: Services
    subtasks: Subtasks
    tools: tuple[Tool, ...] = ()

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        """Carry out one step."""
        steps = list(state["steps"])
        planned = [i for i, step in enumerate(steps) if step["status"] == "planned"]
        if not planned:
            return {"next": "synthesise"}
        delegated: list[Delegated] = []
        actor = self._actor(state, runtime, delegated)
        done, attempts = actor.carry_out(state["request"], steps, planned[0])
        steps[planned[0]] = done
        for attempt in attempts:
            self.services.ledger.add_attempt(state["run_id"], attempt)
        runtime.stream_writer({"step": {"id": done["id"], "status": done["status"]}})
        return {
            "steps": steps,
            "attempts": [*state["attempts"], *attempts],
            "delegated": [*state["delegated"], *delegated],
            "next": "act" if planned[1:] else "synthesise",
        }

    def _actor(self, state: State, runtime: Runtime[Context], delegated: list[Delegated]) -> Actor:
        run_task = self.subtasks(state, context_of(runtime), delegated)
        tier = state["decision"]["tier"]
        limits = self.services.settings.limits
        return Actor(
            tools=agent_tools(self.services, run_task, self.tools, state["request"]),
            llm=lambda: bind(self.services, state, runtime, tier, "act"),
            slm=lambda: bind(self.services, state, runtime, "slm", "act"),
            seconds=limits.tool_seconds,
            chars=limits.tool_chars,
            deadline=state["deadline"],
        )
