"""The node that carries out a task's first attempt, on the tier that classify decided on.

Where the task has a stage before the models (a head), that is asked first; where its answer may
leave, no model is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import EgressBlocked, ModelError, TandemError
from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.stages import First, OwnFirst, verdict_of
from tandem.nodes.state import Context, State
from tandem.nodes.task import Prepared, Task
from tandem.records import Attempt
from tandem.services import Services


@dataclass(frozen=True)
class RunTask:
    """Prepare the task and attempt it: by its own first stage where it has one, then once by a
    model. A model that does not answer is an attempt with an error, so that a failing SLM
    escalates; input that no model could use ends the run."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        task = self.tasks[state["profile"]["task"]]
        try:
            prepared = dict(task.prepare(state["request"], state["profile"]))
            first = self._first(task, prepared, state)
        except TandemError as error:
            return {"error": error.info()}
        update: dict[str, Any] = {"prepared": prepared, "attempts": list(state["attempts"])}
        if first is not None and not self._goes_on(task, first, state, update):
            return update
        call = bind(self.services, state, runtime, state["decision"]["tier"])
        attempt = attempted(call, lambda: task.attempt(prepared, call))
        self.services.ledger.add_attempt(state["run_id"], attempt)
        update["attempts"].append(attempt)
        return update

    def _goes_on(self, task: Task, first: First, state: State, update: dict[str, Any]) -> bool:
        """Whether the model is to be asked after `first`; quality_check judges the last attempt."""
        update["attempts"].append(first.attempt)
        update["prepared"] |= first.prepared
        failed = task.check(update["prepared"], first.attempt)
        if not failed or not first.then_slm:
            return False
        verdict = verdict_of(task, update["prepared"], first.attempt, failed)
        self.services.ledger.add_verdict(state["run_id"], verdict)
        update["verdicts"] = [*state["verdicts"], verdict]
        return True

    def _first(self, task: Task, prepared: Prepared, state: State) -> First | None:
        if state["decision"]["tier"] != "slm" or not isinstance(task, OwnFirst):
            return None
        first = task.first(prepared)
        if first is not None:
            self.services.ledger.add_attempt(state["run_id"], first.attempt)
        return first


def attempted(call: TierCall, work: Callable[[], Attempt]) -> Attempt:
    """The attempt that `work` makes, or one with the error where the tier gave no answer."""
    try:
        return work()
    except (ModelError, EgressBlocked) as error:
        return call.attempt(None, error=error.info())
