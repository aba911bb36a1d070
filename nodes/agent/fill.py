"""The node that fills in the arguments of one step that the plan left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.agent.dispatching import failed
from tandem.nodes.agent.filling import fill
from tandem.nodes.agent.plan_prompt import request_text
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.tools import Toolbox, needed
from tandem.nodes.binding import bind, context_of
from tandem.nodes.state import Context
from tandem.records import Step
from tandem.services import Services


@dataclass(frozen=True)
class Fill:
    """The step in hand with all its arguments, still planned; failed where nobody could fill them
    in. They come from the request alone."""

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Fill in the arguments."""
        step, tier = state["step"], state["decision"]["tier"]
        tool = needed(self.toolbox(state, context_of(runtime)), step["tool"])
        filled = fill(
            tool.function,
            request_text(state["request"]),
            lambda: bind(self.services, state, runtime, "slm", "act"),
            lambda: bind(self.services, state, runtime, tier, "act"),
            step["arguments"],
        )
        for attempt in filled.attempts:
            self.services.ledger.add_attempt(state["run_id"], attempt)
        ended: Step
        if filled.arguments is None or filled.tier is None:
            ended = failed(step, "tool_arguments", "No arguments could be had from the request.")
        else:
            ended = {**step, "arguments": dict(filled.arguments), "tier": filled.tier}
        return {"results": [ended], "made": filled.attempts}
