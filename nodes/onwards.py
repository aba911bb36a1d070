"""Where a rejected attempt leads: to the LLM, to a second try of the SLM, or out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tandem.nodes.deciding import spent_budget
from tandem.nodes.stages import LeavesDrafts
from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.records import Attempt, Decision, TierName
from tandem.routing.latency import too_late
from tandem.routing.policy import DEGRADED
from tandem.services import Services

OVER: Final = frozenset({"cancelled", "deadline"})
"""Errors after which no other tier has any time left."""
BLOCKED: Final = "egress_blocked"
FOR_REVIEW: Final = "nobody is left who could do better: the draft waits for a person"
GUARDED: Final = "the guard let nothing of it go to the LLM"


@dataclass(frozen=True)
class Onwards:
    """What follows the rejection of a run's last attempt, as an update of the state."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(self, state: State) -> dict[str, Any]:
        """`next` is `escalate`, `retry_slm` or `record`; with `error` where the attempt's error
        ends the run, with `late` where the deadline does."""
        rejected, decision = state["attempts"][-1], state["decision"]
        error = rejected["error"]
        if error and error["code"] in OVER:
            return {"next": "record", "error": error}
        # A rule may answer on either tier: once is enough.
        goes_up = rejected["tier"] != "llm" and not state.get("escalated")
        if goes_up and decision["may_escalate"]:
            if why := self._late(state, "llm", "an escalation takes"):
                return {"next": "record", "late": True, "decision": _kept(decision, why)}
            why = spent_budget(self.services, state["profile"]["tenant"])
            if not why:
                return {"next": "escalate"}
            decision = _kept(decision, f"{why}: SLM only")
        elif error and error["code"] == BLOCKED:
            decision = _kept(decision, GUARDED, *_degraded(decision))
        elif error:
            return {"next": "record", "error": error}
        return self._kept_from_llm(state, decision, rejected)

    def _kept_from_llm(self, state: State, decision: Decision, rejected: Attempt) -> dict[str, Any]:
        done = {"next": "record", "decision": decision}
        error = rejected["error"]
        if error and error["code"] != BLOCKED:
            return {**done, "error": error}
        if decision["may_escalate"] and self._leaves_drafts(state):
            return {**done, "decision": _kept(decision, FOR_REVIEW)}
        retries = self.services.settings.policy.slm_retries
        if decision["may_escalate"] or state.get("retried") or not retries or _only_unsure(state):
            return done
        if why := self._late(state, "slm", "another SLM attempt takes"):
            return {**done, "late": True, "decision": _kept(decision, why)}
        return {**done, "next": "retry_slm"}

    def _leaves_drafts(self, state: State) -> bool:
        task = self.tasks[state["profile"]["task"]]
        return isinstance(task, LeavesDrafts) and task.drafts_for_review

    def _late(self, state: State, tier: TierName, what: str) -> str:
        """Why `tier` would not end before a declared deadline; empty where it may."""
        profile = state["profile"]
        if not profile["deadline_ms"]:
            return ""
        left_s = state["deadline"] - time.time()
        return too_late(what, self.services.speeds.of(profile["task"], left_s).get(tier), left_s)


def _only_unsure(state: State) -> bool:
    """Whether the last answer that was not the LLM's lacked nothing but a calibrated score: a
    second try, which no calibration saw, could not leave either."""
    own = {each["id"] for each in state["attempts"] if each["tier"] != "llm"}
    rejected = next((v for v in reversed(state["verdicts"]) if v["attempt_id"] in own), None)
    return rejected is not None and {each["gate"] for each in rejected["failed"]} == {"score"}


def _kept(decision: Decision, *why: str) -> Decision:
    return {**decision, "may_escalate": False, "reasons": [*decision["reasons"], *why]}


def _degraded(decision: Decision) -> list[str]:
    """The mark of a task of the LLM that the SLM will now do."""
    fresh = decision["tier"] == "llm" and DEGRADED not in decision["reasons"]
    return [DEGRADED] if fresh else []
