"""The node that writes the agent's final answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.task import Agent
from tandem.nodes.binding import bind
from tandem.nodes.run_task import attempted
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Synthesise:
    """One attempt by the LLM over the steps' results; leads to `quality_check`."""

    services: Services

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Write the answer."""
        call = bind(self.services, state, runtime, state["decision"]["tier"], "synthesise")
        prepared = {
            **state["prepared"],
            "steps": state["steps"],
            "limit": state.get("limit", ""),
            "has_knowledge": self.services.has_knowledge(state["request"].get("tenant", "")),
        }
        attempt = attempted(call, lambda: Agent().attempt(prepared, call))
        self.services.ledger.add_attempt(state["run_id"], attempt)
        return {"prepared": prepared, "attempts": [*state["attempts"], attempt]}
