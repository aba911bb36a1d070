"""The SLM tries again, otherwise than before, where a rejected answer may not go to the LLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.run_task import attempted
from tandem.nodes.stages import SECOND_TRY, verdict_of
from tandem.nodes.state import Context, State
from tandem.nodes.task import OwnRetry, Task
from tandem.nodes.warmer import Warmer
from tandem.records import Attempt, Verdict
from tandem.services import Services


@dataclass(frozen=True)
class RetrySlm:
    """Up to `policy.slm_retries` attempts; the first that passes the hard gates is the last one.

    A task with a `retry` of its own says how; others repair at a small temperature, on the SLM.
    The signal `second_try` tells such attempts from first ones, of which alone calibrations speak.
    quality_check judges the last attempt; the verdicts of those before it are written here.
    """

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        task = self.tasks[state["profile"]["task"]]
        attempts, verdicts = list(state["attempts"]), list(state["verdicts"])
        most = self.services.settings.policy.slm_retries
        for number in range(1, most + 1):
            call = bind(self.services, state, runtime, "slm")
            attempt = self._attempt(task, state["prepared"], attempts, verdicts, call, number)
            attempts.append(attempt)
            self.services.ledger.add_attempt(state["run_id"], attempt)
            failed = [] if attempt["error"] else task.check(state["prepared"], attempt)
            if number == most or attempt["error"] or not failed:
                break
            verdicts.append(verdict_of(task, state["prepared"], attempt, failed))
            self.services.ledger.add_verdict(state["run_id"], verdicts[-1])
        return {"attempts": attempts, "verdicts": verdicts, "retried": True}

    def _attempt(
        self,
        task: Task,
        prepared: dict[str, Any],
        attempts: list[Attempt],
        verdicts: list[Verdict],
        call: TierCall,
        number: int,
    ) -> Attempt:
        found = _last_rejected(attempts, verdicts)
        if found is None:
            return attempted(call, lambda: task.attempt(prepared, call))
        rejected, verdict = found
        if isinstance(task, OwnRetry):
            retry = task.retry
            again = attempted(call, lambda: retry(prepared, rejected, call, number))
        else:
            warm = Warmer(call, self.services.settings.policy.retry_temperature)
            again = attempted(call, lambda: task.repair(prepared, rejected, verdict, warm))
        return {**again, "signals": {**again["signals"], SECOND_TRY: float(number)}}


def _last_rejected(
    attempts: list[Attempt], verdicts: list[Verdict]
) -> tuple[Attempt, Verdict] | None:
    """The last rejected attempt that the SLM answered; None where it answered none."""
    by_id = {verdict["attempt_id"]: verdict for verdict in verdicts}
    for attempt in reversed(attempts):
        verdict = by_id.get(attempt["id"])
        if verdict and attempt["tier"] == "slm" and attempt["error"] is None:
            return attempt, verdict
    return None
