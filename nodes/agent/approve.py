"""The node for steps with side effects. Nobody can be asked here, so none is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.agent.dispatching import failed
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.tools import Toolbox
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Approve:
    """Refuse the step in hand: a person would have to approve it."""

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """End the step as failed."""
        step = failed(
            state["step"], "needs_approval", "It has side effects, and nobody approved it."
        )
        runtime.stream_writer({"step": {"id": step["id"], "status": step["status"]}})
        return {"results": [step]}
