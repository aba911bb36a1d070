"""What the ledger holds of a task's scored attempts: scores, feedback, the shadow's comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, select
from typing_extensions import TypedDict

from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, feedback, runs, shadow

_CHUNK: Final = 2000


class Evidence(TypedDict):
    """One attempt of a head, a rule or the SLM at a task's answer."""

    tier: str
    signals: dict[str, float]
    score: float | None
    """The verdict's."""
    gated: bool
    """Whether a hard gate rejected it, whatever its score."""
    served: bool
    """Whether it was the accepted answer of its run."""
    quality: float | None
    """The share of right answers that the request asked for."""
    correct: bool | None
    """What people said of the answer; None: nothing."""
    shadow: dict[str, Any] | None
    """The shadow's row (agreed, probability, cost, currency, error_code); None: not drawn."""


def evidence(ledger: Ledger, task: str, since: datetime) -> Iterator[Evidence]:
    """Attempts of runs that started from `since` on.

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    names = ("agreed", "probability", "cost", "currency", "error_code")
    told = [shadow.c[name].label(f"shadow_{name}") for name in names]
    own = and_(attempts.c.run_id == runs.c.id, attempts.c.purpose == "answer")
    query = (
        select(
            attempts.c.tier,
            attempts.c.signals,
            attempts.c.accepted,
            attempts.c.score,
            attempts.c.failed,
            runs.c.status,
            runs.c.tier.label("run_tier"),
            runs.c.quality,
            feedback.c.correct,
            *told,
        )
        .join_from(runs, attempts, own)
        .join(feedback, feedback.c.run_id == runs.c.id, isouter=True)
        .join(shadow, shadow.c.run_id == runs.c.id, isouter=True)
        .where(runs.c.task == task, runs.c.started >= since.timestamp())
        .where(attempts.c.tier != "llm")
    )
    with ledger.reading() as connection:
        streamed = connection.execution_options(yield_per=_CHUNK).execute(query)
        for row in streamed.mappings():
            served = row["status"] == "accepted" and row["run_tier"] == row["tier"]
            served = served and bool(row["accepted"])
            seen = served and row["shadow_probability"] is not None
            yield {
                "tier": row["tier"],
                "signals": row["signals"] or {},
                "score": row["score"],
                "gated": any(each["gate"] != "score" for each in row["failed"] or ()),
                "served": served,
                "quality": row["quality"],
                "correct": row["correct"] if served else None,
                "shadow": {name: row[f"shadow_{name}"] for name in names} if seen else None,
            }
