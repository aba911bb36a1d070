"""The LLM repairs what quality_check rejected, on the same prepared input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.run_task import attempted
from tandem.nodes.state import Context, State
from tandem.nodes.task import Task
from tandem.records import Attempt
from tandem.services import Services


@dataclass(frozen=True)
class Escalate:
    """One attempt by the LLM; its output goes through the same gates."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        call = bind(self.services, state, runtime, "llm")
        attempt = attempted(call, lambda: self._repair(state, call))
        self.services.ledger.add_attempt(state["run_id"], attempt)
        return {"attempts": [*state["attempts"], attempt], "escalated": True}

    def _repair(self, state: State, call: TierCall) -> Attempt:
        task, rejected = self.tasks[state["profile"]["task"]], state["attempts"][-1]
        if rejected["error"]:
            return task.attempt(state["prepared"], call)
        return task.repair(state["prepared"], rejected, state["verdicts"][-1], call)
