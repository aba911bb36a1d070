"""What a check for drift tells. JSON-plain."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from tandem.ledger.shadow import ShadowReport

Status = Literal["holds", "in doubt", "broken", "too few rows", "no promise", "not followed"]


class ScoreShift(TypedDict):
    """One stage's recent scores against those of calibration time."""

    stage: str
    recent: int
    reference: int
    distance: float | None
    """0 to 1; None: too few rows on either side."""
    p: float | None
    shifted: bool


class Complaints(TypedDict):
    """Feedback on answers accepted without the LLM: no uniform sample, and so no promise."""

    given: int
    wrong: int
    complaints: float | None
    """`wrong` as a share of `given`, with its interval."""
    low: float
    high: float


class TaskCheck(TypedDict):
    """What a check found of a task (and its label set). JSON-plain; `made`, `since`: ISO 8601."""

    task: str
    labels: list[str]
    shipped: bool
    """Whether the calibration came with Tandem."""
    data: str
    """The rows that it was certified on: of others the promise says nothing."""
    made: str
    since: str
    """The later one of what was asked and the calibration's own date."""
    target: float
    promise: str | None
    status: Status
    reasons: list[str]
    remedy: str
    missing: int
    """How many more answers it would take to test anything; 0 where something was tested."""
    confidence: float
    """Of all intervals here, corrected for the number of tasks."""
    accepted: int
    """Answers since that left under the promise."""
    outside: int
    """Answers since that left without the LLM, and of which the promise does not speak."""
    scores: list[ScoreShift]
    feedback: Complaints
    shadow: ShadowReport


class Shipped(TypedDict):
    """A calibration that came with Tandem and answers requests of its labels. JSON-plain."""

    task: str
    labels: list[str]
    data: str
    promise: str | None
    """What was certified on `data`; None: nothing, or it is not in force."""
    notes: list[str]
    """Why it is not in force, or not all of it."""
