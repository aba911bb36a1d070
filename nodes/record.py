"""The last node: the Answer is put together and written to the ledger, whatever happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import AnswerRejected, DeadlineExceeded
from tandem.ledger.kept import worked
from tandem.nodes.accounting import all_llm_cost, llm_price, total_cost
from tandem.nodes.binding import context_of, keeps_private
from tandem.nodes.onwards import FOR_REVIEW
from tandem.nodes.shadow import Shadow
from tandem.nodes.state import Context, State
from tandem.privacy.redaction import REDACTED, UNRESTORED
from tandem.records import Answer, Attempt, ErrorInfo, OnLate, Status, Verdict
from tandem.routing.policy import DEGRADED, UNVERIFIED
from tandem.services import Services

DROPPED = "dropped:"
"""Starts the signal of an optional field that an extraction left out; see nodes/extract.py."""
UNSURE_GATES = frozenset({"margin", "score"})
"""Gates that ask how sure a model was, and nothing of what it wrote."""
POLICY_CODES = frozenset({"egress_blocked"})
"""Errors that are a refusal to let text leave: the SLM's draft then waits for a person."""


@dataclass(frozen=True)
class Record:
    """Close the run. Nothing that was rejected is served: it goes out as `draft`. Where there is a
    `shadow`, some accepted answers are asked of the LLM afterwards."""

    services: Services
    shadow: Shadow | None = None

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        answer = self._answer(state)
        context = context_of(runtime)
        answer["reasons"] += self._notes(answer["task"], context)
        if context.resumed:
            # Before the pause; what it waited does not count.
            answer["seconds"] += worked(self.services.ledger, state["run_id"])
        self.services.vaults.forget(state["run_id"])
        self.services.ledger.finish(state["run_id"], answer)
        runtime.stream_writer({"answer": answer})
        if self.shadow is not None:
            self.shadow(state, answer, keeps_private(state, context_of(runtime)))
        return {"answer": answer, "error": answer["error"]}

    def _notes(self, task: str, context: Context) -> list[str]:
        would_be_kept = task in self.services.settings.checkpoints.tasks
        return [*context.notes, *([context.not_kept] if context.not_kept and would_be_kept else [])]

    def _answer(self, state: State) -> Answer:
        policy = self.services.settings.policy
        on_late = state["request"].get("on_late") if state.get("profile") else None
        status, error = outcome(state, on_late or policy.deadlines.on_late)
        served = served_attempt(state) if status in ("accepted", "unverified") else None
        profile = state.get("profile")
        task = profile["task"] if profile else ""
        estimate = all_llm_cost(state, partial(llm_price, self.services, task))
        return {
            "run_id": state["run_id"],
            "status": status,
            "output": served["output"] if served else None,
            "draft": None if served else _draft(state),
            "task": task,
            "tier": served["tier"] if served else None,
            "model": served["model"] if served else "",
            "attempts": state["attempts"],
            "verdicts": state["verdicts"],
            "cost": total_cost(state),
            "all_llm_cost": estimate.cost,
            "all_llm_estimated": estimate.estimated,
            "seconds": time.time() - state["started"],
            "profile": profile,
            "steps": state["steps"],
            "reasons": _reasons(state, status, error),
            "error": error,
        }


def outcome(state: State, on_late: OnLate) -> tuple[Status, ErrorInfo | None]:
    """The status of a run, and the error that ended it where one did."""
    error, verdicts = state.get("error"), state["verdicts"]
    if state.get("late") or (error and error["code"] == DeadlineExceeded.code):
        return _out_of_time(state, on_late)
    if error and error["code"] not in POLICY_CODES:
        return "failed", error
    if verdicts and verdicts[-1]["accepted"]:
        return ("unverified" if _is_unverified(state) else "accepted"), None
    if error or not state["decision"]["may_escalate"]:
        return "needs_review", None
    return "failed", AnswerRejected(
        "Every attempt was rejected by the quality check.",
        "The drafts are in the answer; review them, or give the task a stronger model.",
    ).info()


def _is_unverified(state: State) -> bool:
    """Whether the accepted answer is not to be trusted as one."""
    reasons = state["decision"]["reasons"]
    served = served_attempt(state)
    in_its_place = served is not None and served["tier"] != "llm"
    told = [*reasons, *state["verdicts"][-1].get("notes", ())]
    return (in_its_place and DEGRADED in reasons) or any(
        reason.startswith(UNVERIFIED) for reason in told
    )


def _out_of_time(state: State, on_late: OnLate) -> tuple[Status, ErrorInfo | None]:
    if on_late == "unverified" and unsure_attempt(state):
        return "unverified", None
    if error := state.get("error"):
        return "failed", error
    if on_late == "unverified":
        return "needs_review", None
    return "failed", DeadlineExceeded(
        "The deadline left no time to do better than an answer that was rejected.",
        'Allow more time, or ask with on_late = "unverified".',
    ).info()


def served_attempt(state: State) -> Attempt | None:
    """The attempt that the answer is: the accepted one, or else the best that time allowed."""
    last = state["verdicts"][-1]
    if not last["accepted"]:
        return unsure_attempt(state)
    return next(each for each in state["attempts"] if each["id"] == last["attempt_id"])


def unsure_attempt(state: State) -> Attempt | None:
    """The last attempt that was rejected for nothing but too little confidence. What fails any
    other gate (no valid schema, no ground in the sources) is never served."""
    for verdict in reversed(state["verdicts"]):
        gates = {each["gate"] for each in verdict["failed"]}
        if not verdict["accepted"] and gates <= UNSURE_GATES:
            attempt = next(a for a in state["attempts"] if a["id"] == verdict["attempt_id"])
            if attempt["output"] is not None:
                return attempt
    return None


def _draft(state: State) -> Any:
    drafts = [
        attempt["output"]
        for attempt in state["attempts"]
        if attempt["purpose"] in ("answer", "synthesise") and attempt["output"] is not None
    ]
    return drafts[-1] if drafts else None


def _reasons(state: State, status: Status, error: ErrorInfo | None) -> list[str]:
    reasons = []
    if profile := state.get("profile"):
        decision = state.get("decision")
        reasons += [*profile["reasons"], *(decision["reasons"] if decision else [])]
    by_id = {attempt["id"]: attempt for attempt in state["attempts"]}
    reasons += [_said(verdict, by_id[verdict["attempt_id"]]) for verdict in state["verdicts"]]
    reasons += dict.fromkeys(note for each in state["verdicts"] for note in each.get("notes", []))
    reasons += _redactions(state["attempts"])
    if error:
        reasons.append(f"{status}: {error['what']}")
    elif state.get("late"):
        reasons.append(f"{status.replace('_', ' ')}: there was no time left to do better")
    elif status == "needs_review" and FOR_REVIEW not in reasons:
        reasons.append("needs review: the rejected draft may not go to the LLM")
    return reasons


def _redactions(attempts: Sequence[Attempt]) -> list[str]:
    """What was redacted for a model that is not private, and what did not come back."""
    told = []
    for start, words in (
        (REDACTED, "redacted for a model that is not private"),
        (UNRESTORED, "came back altered, and could not be restored"),
    ):
        counts: dict[str, float] = {}
        for attempt in attempts:
            for signal, number in attempt["signals"].items():
                if signal.startswith(start):
                    kind = signal.removeprefix(start)
                    counts[kind] = max(number, counts.get(kind, 0.0))
        if counts:
            listed = ", ".join(f"{number:.0f} {kind}" for kind, number in sorted(counts.items()))
            told.append(f"{words}: {listed}")
    return told


def _said(verdict: Verdict, attempt: Attempt) -> str:
    if verdict["accepted"]:
        signals = attempt["signals"]
        left_out = [key.removeprefix(DROPPED) for key in signals if key.startswith(DROPPED)]
        without = f" without {', '.join(left_out)}, which did not pass" if left_out else ""
        # What code put together is nobody's answer; its own reasons tell who decided what.
        by_code = attempt["tier"] == "head" and not attempt["model"]
        whose = "the whole, put together by code," if by_code else f"{attempt['tier']} answer"
        return f"{whose} accepted{without}"
    gates = ", ".join(f"{f['gate']} ({f['detail']})" for f in verdict["failed"])
    return f"{attempt['tier']} answer rejected: {gates}"
