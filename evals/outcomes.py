"""Attempts and answers as results."""

from __future__ import annotations

from tandem.errors import EgressBlocked
from tandem.evals.case import Case, case_sum
from tandem.evals.result import Result, RouteStep
from tandem.records import Answer, Attempt, ErrorInfo, GateFailure, Profile


def of_error(policy: str, case: Case, error: ErrorInfo | None) -> Result:
    """The result of a case that could not be run, and counts as secret: nothing looked at it."""
    return {
        "id": case["id"],
        "case_sum": case_sum(case),
        "suite": case["suite"],
        "task": case["task"],
        "policy": policy,
        "status": "failed",
        "output": None,
        "draft": None,
        "tier": None,
        "routed_task": "",
        "sensitivity": "secret",
        "route": [],
        "reasons": [],
        "cost": 0.0,
        "all_llm_cost": 0.0,
        "all_llm_estimated": False,
        "seconds": 0.0,
        "overhead": 0.0,
        "leaks": 0,
        "error": error,
        "expected": case["expected"],
        "scores": {},
        "comments": {},
    }


def of_attempt(
    policy: str,
    case: Case,
    profile: Profile,
    attempt: Attempt,
    failed: list[str],
    llm_price: float = 0.0,
) -> Result:
    """The result of one attempt whose raw output counts.

    `failed` are the gates that it did not pass; `llm_price` is what its tokens would cost on the
    LLM, where another tier made it.
    """
    error = attempt["error"]
    blocked = error is not None and error["code"] == EgressBlocked.code
    served = error is None and attempt["output"] is not None
    return {
        **of_error(policy, case, error),
        "status": "unverified" if served else "needs_review" if blocked else "failed",
        "output": attempt["output"],
        "tier": attempt["tier"] if served else None,
        "routed_task": case["task"],
        "sensitivity": profile["sensitivity"],
        "route": [_step(attempt, None if error else not failed, failed)],
        "reasons": profile["reasons"],
        "cost": attempt["cost"],
        "all_llm_cost": attempt["cost"] if attempt["tier"] == "llm" else llm_price,
        "all_llm_estimated": attempt["tier"] != "llm",
    }


def of_answer(policy: str, case: Case, answer: Answer) -> Result:
    """The result of a run of the graph."""
    verdicts = {verdict["attempt_id"]: verdict for verdict in answer["verdicts"]}
    route = []
    for attempt in answer["attempts"]:
        verdict = verdicts.get(attempt["id"])
        failed = [gate_text(failure) for failure in verdict["failed"]] if verdict else []
        route.append(_step(attempt, verdict["accepted"] if verdict else None, failed))
    profile, error = answer["profile"], answer["error"]
    return {
        **of_error(policy, case, error),
        "status": answer["status"],
        "output": answer["output"],
        "draft": answer["draft"],
        "tier": answer["tier"],
        "routed_task": answer["task"],
        "sensitivity": profile["sensitivity"] if profile else "secret",
        "route": route,
        "reasons": answer["reasons"],
        "cost": answer["cost"],
        "all_llm_cost": answer["all_llm_cost"],
        "all_llm_estimated": answer["all_llm_estimated"],
    }


def timed(result: Result, own: float, leaks: int) -> Result:
    """`result` with its seconds: the models' as measured, and `own`."""
    models = sum(step["seconds"] for step in result["route"])
    return {**result, "seconds": models + own, "overhead": own, "leaks": leaks}


def _step(attempt: Attempt, accepted: bool | None, failed: list[str]) -> RouteStep:
    return {
        "tier": attempt["tier"],
        "purpose": attempt["purpose"],
        "model": attempt["model"],
        "output": attempt["output"],
        "accepted": accepted,
        "failed": failed,
        "seconds": attempt["seconds"],
        "cost": attempt["cost"],
        "usage": attempt["usage"],
        "calls": attempt["calls"],
        "error": attempt["error"]["code"] if attempt["error"] else "",
    }


def gate_text(failure: GateFailure) -> str:
    """A failed gate in words."""
    return f"{failure['gate']} ({failure['detail']})"
