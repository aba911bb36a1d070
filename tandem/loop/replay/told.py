"""What a replay says, JSON-plain."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict

from tandem.loop.replay.estimates import Figure
from tandem.loop.replay.outcome import Why
from tandem.loop.replay.quality import Changed, Quality

TEXTS: Final = 'set [ledger] texts = "sampled", and replay with --rerun N once such runs are logged'
REMEDIES: Final[dict[Why, str]] = {
    "never_tried": TEXTS,
    "model": TEXTS,
    "prompt": TEXTS,
    "decision": TEXTS,
    "score": TEXTS,
    "retry": TEXTS,
    "steps": TEXTS,
    "few_llm": "set [shadow] share, so that the LLM is asked for some answers of each task",
}


class Known(TypedDict):
    """A number with its interval; all three are equal where it is exact."""

    value: float
    low: float
    high: float


class Unknown(TypedDict):
    """Runs of which nothing can be said, why, and what would let it be said next time."""

    runs: int
    cost: float
    """What they cost, which is in no other figure."""
    why: str
    remedy: str


class TaskReplay(TypedDict):
    """One task, or the total. Figures are over the runs of which something can be said."""

    task: str
    runs: int
    same: int
    """Nothing of them would be otherwise, but for prices."""
    exact: int
    estimated: int
    unknown: list[Unknown]
    cost_then: float
    cost: Known
    changed: Changed | None
    """None of the total."""
    quality: Quality | None
    p50_then: float | None
    p95_then: float | None
    p50: Known | None
    p95: Known | None
    notes: list[str]


class RerunTask(TypedDict):
    """A task's runs that were asked again."""

    task: str
    unknown: int
    """Runs of which the ledger alone tells nothing."""
    kept: int
    """Of these, those whose request the ledger holds: none that is personal or secret."""
    asked: int
    failed: int
    """Of the asked, those that ended without an answer."""
    cost_then: float
    """Of the kept ones."""
    cost: Known
    """Of the kept ones, by those that were asked."""
    compared: int
    others: Known
    """Answers that would be other ones, of the kept."""
    p50: float | None
    p95: float | None


class Replay(TypedDict):
    """`since` and `until` are ISO 8601."""

    ledger: str
    currency: str
    since: str | None
    until: str | None
    task: str | None
    tenant: str | None
    changed: list[str]
    """The settings that differ."""
    running: int
    """Runs that have not ended; they are left out."""
    other_currencies: dict[str, int]
    """Runs that were counted in others; they are left out."""
    total: TaskReplay
    tasks: list[TaskReplay]
    rerun: list[RerunTask]


def known(figure: Figure) -> Known:
    """As JSON."""
    return {"value": figure.value, "low": figure.low, "high": figure.high}
