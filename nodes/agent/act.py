"""The node that carries out one step of the agent; several run in parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from langgraph.runtime import Runtime

from tandem.nodes.agent.acting import Actor
from tandem.nodes.agent.limits import ends_at
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.tools import Toolbox
from tandem.nodes.binding import bind, context_of
from tandem.nodes.state import Context
from tandem.records import Delegated
from tandem.services import Services


@dataclass(frozen=True)
class Act:
    """Carry out the step in hand. A failed step does not end the work."""

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Carry out one step."""
        delegated: list[Delegated] = []
        actor = self._actor(state, runtime, delegated)
        done, attempts = actor.carry_out(state["request"], state["steps"], state["step"])
        for attempt in attempts:
            self.services.ledger.add_attempt(state["run_id"], attempt)
        runtime.stream_writer({"step": {"id": done["id"], "status": done["status"]}})
        return {"results": [done], "made": attempts, "spent": list(delegated)}

    def _actor(
        self, state: AgentState, runtime: Runtime[Context], delegated: list[Delegated]
    ) -> Actor:
        tier = state["decision"]["tier"]
        limits = self.services.settings.limits
        ends = ends_at(state, limits)
        state = cast("AgentState", {**state, "deadline": ends})
        return Actor(
            tools=self.toolbox(state, context_of(runtime), delegated),
            llm=lambda: bind(self.services, state, runtime, tier, "act"),
            slm=lambda: bind(self.services, state, runtime, "slm", "act"),
            seconds=limits.tool_seconds,
            chars=limits.tool_chars,
            deadline=ends,
        )
