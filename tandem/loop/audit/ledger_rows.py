"""Tandem's own ledger as a log: a row a run; texts only where the ledger keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select

from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, runs
from tandem.loop.audit.counts import Counts
from tandem.loop.audit.row import LogRow

_CHUNK: Final = 2000


def ledger_rows(ledger: Ledger, counts: Counts) -> Iterator[LogRow]:
    """Every finished run that no agent started: what such a run cost is in its agent's.

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    counts.format = "ledger"
    tokens = (
        select(
            attempts.c.run_id,
            func.sum(attempts.c.input_tokens).label("input_tokens"),
            func.sum(attempts.c.output_tokens).label("output_tokens"),
        )
        .group_by(attempts.c.run_id)
        .subquery()
    )
    query = (
        select(runs, tokens.c.input_tokens, tokens.c.output_tokens)
        .outerjoin(tokens, tokens.c.run_id == runs.c.id)
        .where(runs.c.parent_run_id.is_(None), runs.c.finished.is_not(None))
        .order_by(runs.c.started)
    )
    with ledger.reading() as connection:
        found = connection.execution_options(yield_per=_CHUNK).execute(query)
        for row in found.mappings():
            counts.rows += 1
            yield _row(row)


def _row(run: Any) -> LogRow:
    request = run["request"] or {}
    return LogRow(
        when=datetime.fromtimestamp(run["started"], UTC),
        prompt="",
        text=str(request.get("text", "")),
        system="",
        input_tokens=run["input_tokens"],
        output_tokens=run["output_tokens"],
        estimated=False,
        model=run["model"] or "",
        cost=run["cost"],
        currency=run["currency"],
        seconds=run["seconds"],
        error=run["error_code"] is not None,
        tenant=run["tenant"],
        task=run["task"] or "unknown",
        sensitivity=run["sensitivity"] or "",
        complexity=run["complexity"],
        latency="realtime" if run["deadline_ms"] else "",
        local=run["first_tier"] != "llm",
    )
