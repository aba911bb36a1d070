"""Answers that people judged, with the request where the ledger kept it: labels by feedback.

No uniform sample of what is asked: what is computed from it is agreement, never a promise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from typing_extensions import TypedDict

from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, feedback, runs
from tandem.records import Request


class JudgedRun(TypedDict):
    """A run with feedback. `request`, `output` and `value` are None where no texts are kept."""

    request: Request | None
    output: Any
    """The answer, or else the last draft."""
    correct: bool
    value: Any
    """What would have been right, where people said so."""


def judged_runs(ledger: Ledger, task: str) -> Iterator[JudgedRun]:
    """The judged runs of `task`, by time.

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    query = (
        select(runs.c.id, runs.c.request, feedback.c.correct, feedback.c.value, attempts.c.output)
        .join_from(runs, feedback, feedback.c.run_id == runs.c.id)
        .join(attempts, attempts.c.run_id == runs.c.id)
        .where(runs.c.task == task, attempts.c.purpose == "answer")
        .order_by(
            runs.c.started,
            runs.c.id,
            func.coalesce(attempts.c.accepted, False).desc(),
            attempts.c.position.desc(),
        )
    )
    last = ""
    with ledger.reading() as connection:
        for row in connection.execute(query).mappings():
            if row["id"] == last:
                continue
            last = row["id"]
            yield {
                "request": row["request"],
                "output": row["output"],
                "correct": row["correct"],
                "value": row["value"],
            }
