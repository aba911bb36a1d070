"""Records as columns of the ledger's tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tandem.records import Decision, ErrorInfo, Profile

Mask = Callable[[str], str]


def profile_columns(
    profile: Profile | None, decision: Decision | None, mask: Mask
) -> dict[str, Any]:
    """What a run's row holds of its profile and decision; reasons masked."""
    columns: dict[str, Any] = {}
    if profile:
        keys = ("task", "task_confidence", "complexity", "sensitivity", "latency", "deadline_ms")
        columns |= {key: profile[key] for key in (*keys, "quality", "tenant")}  # type: ignore[literal-required]
        spans = ("type", "start", "end", "score", "source")
        columns["evidence"] = [{key: each[key] for key in spans} for each in profile["evidence"]]  # type: ignore[literal-required]
        columns["reasons"] = [mask(reason) for reason in profile["reasons"]]
    if decision:
        columns |= {
            "node": decision["node"],
            "first_tier": decision["tier"],
            "may_escalate": decision["may_escalate"],
            "reasons": columns.get("reasons", []) + [mask(each) for each in decision["reasons"]],
        }
    return columns


def error_columns(error: ErrorInfo | None, mask: Mask) -> dict[str, Any]:
    """An error's code and first sentence."""
    # Masked: a server's message may quote the prompt.
    if error is None:
        return {"error_code": None, "error_what": None}
    return {"error_code": error["code"], "error_what": mask(error["what"])}
