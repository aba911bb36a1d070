"""May this output leave? The hard gates of the task decide; a rejected SLM answer goes on.

Calibrated scores join the gates in `Verdict.score` and `Verdict.threshold`; no score outvotes a
gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.nodes.onwards import Onwards
from tandem.nodes.stages import verdict_of
from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.records import Attempt, GateFailure, Verdict
from tandem.services import Services


@dataclass(frozen=True)
class QualityCheck:
    """Judge the last attempt and decide where the run goes: see Onwards for what was rejected."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State) -> dict[str, Any]:
        if state.get("error") or not state["attempts"]:
            return {"next": "record"}
        attempt = state["attempts"][-1]
        verdict = self._verdict(state, attempt)
        self.services.ledger.add_verdict(state["run_id"], verdict)
        update: dict[str, Any] = {"verdicts": [*state["verdicts"], verdict], "next": "record"}
        if not verdict["accepted"]:
            judged: State = {**state, "verdicts": update["verdicts"]}
            update |= Onwards(self.services, self.tasks)(judged)
        return update

    def _verdict(self, state: State, attempt: Attempt) -> Verdict:
        task, failed = self.tasks[state["profile"]["task"]], self._failed_gates(state, attempt)
        return verdict_of(task, state["prepared"], attempt, failed)

    def _failed_gates(self, state: State, attempt: Attempt) -> list[GateFailure]:
        if error := attempt["error"]:
            return [{"gate": "model", "detail": error["code"]}]
        return self.tasks[state["profile"]["task"]].check(state["prepared"], attempt)
