"""What came of one case under one policy: JSON-plain, one line of a run's results file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict

from tandem.evals.summary import NO_MODEL
from tandem.records import ErrorInfo, Origin, Purpose, Sensitivity, Status, Usage


class RouteStep(TypedDict):
    """An attempt in short."""

    tier: Origin
    purpose: Purpose
    model: str
    output: Any
    accepted: bool | None
    """None where nobody judged it (steps on the way to an answer)."""
    failed: list[str]
    """The gates that it did not pass, each as "gate (detail)"."""
    seconds: float
    """As measured when the model really answered."""
    cost: float
    usage: Usage
    calls: int
    error: str
    """Code of the error that ended it; empty for none."""


class Result(TypedDict):
    """A case under a policy.

    Under `slm_only` and `llm_only` the raw output counts as served, whatever the gates say of it
    (they stand in the route); under `tandem` what the graph served.
    """

    id: str
    case_sum: str
    """Tells a changed row from the same one."""
    suite: str
    task: str
    policy: str
    status: Status
    output: Any
    """What was served; None where nothing was."""
    draft: Any
    """The best output that was not served."""
    tier: Origin | None
    """Who gave what was served."""
    routed_task: str
    sensitivity: Sensitivity
    route: list[RouteStep]
    reasons: list[str]
    cost: float
    all_llm_cost: float
    all_llm_estimated: bool
    seconds: float
    """The models' seconds as measured, and Tandem's own work."""
    overhead: float
    """Tandem's own work, seconds."""
    leaks: int
    """How many of the case's secrets reached a model that is not private."""
    error: ErrorInfo | None
    expected: Any
    scores: dict[str, float | None]
    comments: dict[str, str]


def served(result: Result) -> bool:
    """Whether the user got an answer."""
    return result["status"] in ("accepted", "unverified")


def asked_llm(result: Result) -> bool:
    """Whether the LLM worked on this case, for whatever purpose."""
    return any(step["tier"] == "llm" and step["calls"] for step in result["route"])


def answered_by(result: Result) -> str | None:
    """Whose answer was served: a tier, or NO_MODEL where it took no model; None where none was."""
    if result["tier"] is None:
        return None
    return result["tier"] if any(step["calls"] for step in result["route"]) else NO_MODEL


def quality_of(result: Result, primary: Mapping[str, str]) -> float:
    """The primary score (its name by suite); 0 where nothing was served."""
    score = result["scores"].get(primary[result["suite"]]) if served(result) else 0.0
    return score or 0.0
