"""Runs that have checkpoints, by which they can go on in another process."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import insert, select, update
from typing_extensions import TypedDict

from tandem.ledger.store import RUNNING, Ledger
from tandem.ledger.tables import kept_runs, runs


class Kept(TypedDict):
    """A run that has checkpoints."""

    run_id: str
    thread_id: str
    kept: float
    """Unix time, seconds."""
    worked: float
    """Seconds that it was worked at before its last pause."""
    forked_from: str | None
    forked_at: str | None
    """The step at which the fork begins."""


def keep(
    ledger: Ledger, run_id: str, thread_id: str, forked_from: str = "", forked_at: str = ""
) -> None:
    """Note that a run has checkpoints, under `thread_id`."""
    row = {
        "run_id": run_id,
        "thread_id": thread_id,
        "kept": time.time(),
        "forked_from": forked_from or None,
        "forked_at": forked_at or None,
    }
    if kept(ledger, run_id) is None:
        with ledger.writing() as connection:
            connection.execute(insert(kept_runs).values(**row))


def kept(ledger: Ledger, run_id: str) -> Kept | None:
    """The checkpoints' note of a run; None where it has none."""
    with ledger.reading() as connection:
        found = connection.execute(select(kept_runs).where(kept_runs.c.run_id == run_id))
        row = found.mappings().first()
    return _kept(row) if row else None


def add_worked(ledger: Ledger, run_id: str, seconds: float) -> None:
    """Note that a run was worked at for so long, and is let go of."""
    more = {"worked": kept_runs.c.worked + seconds}
    with ledger.writing() as connection:
        connection.execute(update(kept_runs).where(kept_runs.c.run_id == run_id).values(more))


def worked(ledger: Ledger, run_id: str) -> float:
    """Seconds that a run was worked at before its last pause; those of a process that was killed
    are not known."""
    note = kept(ledger, run_id)
    return note["worked"] if note else 0.0


def newest_on(ledger: Ledger, thread_id: str) -> str | None:
    """The last run that was kept on a thread: only that one can go on."""
    on = select(kept_runs.c.run_id).where(kept_runs.c.thread_id == thread_id)
    with ledger.reading() as connection:
        return connection.execute(on.order_by(kept_runs.c.kept.desc()).limit(1)).scalar()


def open_on(ledger: Ledger, thread_id: str) -> list[str]:
    """The runs of a thread that have not ended."""
    query = (
        select(kept_runs.c.run_id)
        .join_from(kept_runs, runs, kept_runs.c.run_id == runs.c.id)
        .where(kept_runs.c.thread_id == thread_id, runs.c.status == RUNNING)
    )
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def list_kept(ledger: Ledger, *, only_open: bool = False, limit: int = 50) -> list[dict[str, Any]]:
    """The last runs that have checkpoints, newest first: `kept_runs` with the run's task, status,
    started, finished, cost and error_code.

    Parameters
    ----------
    only_open: leave out those that have ended.
    """
    names = ("task", "status", "started", "finished", "cost", "currency", "error_code")
    query = (
        select(kept_runs, *(runs.c[name] for name in names))
        .join_from(kept_runs, runs, kept_runs.c.run_id == runs.c.id)
        .order_by(kept_runs.c.kept.desc())
        .limit(limit)
    )
    if only_open:
        query = query.where(runs.c.status == RUNNING)
    with ledger.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _kept(row: Any) -> Kept:
    return {key: row[key] for key in Kept.__annotations__}  # type: ignore[return-value]
