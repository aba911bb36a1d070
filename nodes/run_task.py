"""The node that carries out a task's first attempt, on the tier that classify decided on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import EgressBlocked, ModelError, TandemError
from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.state import Context, State
from tandem.nodes.task import Task
from tandem.records import Attempt
from tandem.services import Services


@dataclass(frozen=True)
class RunTask:
    """Prepare the task and attempt it once. A model that does not answer is an attempt with an
    error, so that a failing SLM escalates; input that no model could use ends the run."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        task = self.tasks[state["profile"]["task"]]
        try:
            prepared = task.prepare(state["request"], state["profile"])
        except TandemError as error:
            return {"error": error.info()}
        call = bind(self.services, state, runtime, state["decision"]["tier"])
        attempt = attempted(call, lambda: task.attempt(prepared, call))
        self.services.ledger.add_attempt(state["run_id"], attempt)
        return {"prepared": dict(prepared), "attempts": [*state["attempts"], attempt]}


def attempted(call: TierCall, work: Callable[[], Attempt]) -> Attempt:
    """The attempt that `work` makes, or one with the error where the tier gave no answer."""
    try:
        return work()
    except (ModelError, EgressBlocked) as error:
        return call.attempt(None, error=error.info())
