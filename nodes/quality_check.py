"""May this output leave? The hard gates of the task decide; a rejected SLM answer goes to the LLM.

Calibrated scores join the gates in `Verdict.score` and `Verdict.threshold`; no score outvotes a
gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.records import Attempt, GateFailure, Verdict
from tandem.services import Services

OVER: Final = frozenset({"cancelled", "deadline"})
"""Errors after which no other tier has any time left."""


@dataclass(frozen=True)
class QualityCheck:
    """Judge the last attempt and decide where the run goes: `record` or `escalate`."""

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
            error = attempt["error"]
            over = error is not None and error["code"] in OVER
            if attempt["tier"] != "llm" and state["decision"]["may_escalate"] and not over:
                update["next"] = "escalate"
            elif error:
                update["error"] = error
        return update

    def _verdict(self, state: State, attempt: Attempt) -> Verdict:
        return {
            "attempt_id": attempt["id"],
            "accepted": not (failed := self._failed_gates(state, attempt)),
            "score": None,
            "threshold": None,
            "failed": failed,
        }

    def _failed_gates(self, state: State, attempt: Attempt) -> list[GateFailure]:
        if error := attempt["error"]:
            return [{"gate": "model", "detail": error["code"]}]
        return self.tasks[state["profile"]["task"]].check(state["prepared"], attempt)
