"""Checkpoints expire: they hold what requests and tools said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

GREGORIAN_S: Final = 12_219_292_800
"""Seconds from 1582-10-15, where UUIDs begin, to 1970."""
_THREADS: Final = "SELECT thread_id FROM checkpoints"


def too_old(
    saver: BaseCheckpointSaver[str], days: float, now: float | None = None, thread: str = ""
) -> list[str]:
    """The threads whose last checkpoint is older than `days`.

    Parameters
    ----------
    saver: one that `checkpointer_from_url` opened.
    now: Unix time, seconds; by default the clock's.
    thread: look at this one alone.
    """
    # Ids of checkpoints are UUIDs of version 6, whose order as texts is that of time.
    oldest = uuid6_at((time.time() if now is None else now) - days * 86_400)
    cursor_of, mark = _access(saver)
    which = f"WHERE thread_id = {mark} " if thread else ""
    query = f"{_THREADS} {which}GROUP BY thread_id HAVING max(checkpoint_id) < {mark}"
    with cursor_of() as cursor:
        cursor.execute(query, (thread, oldest) if thread else (oldest,))
        rows = cursor.fetchall()
    return [row["thread_id"] if isinstance(row, Mapping) else row[0] for row in rows]


def uuid6_at(moment: float) -> str:
    """The least UUID of version 6 of a Unix time (RFC 9562, section 5.6)."""
    ticks = int((moment + GREGORIAN_S) * 10_000_000)
    return f"{ticks >> 28:08x}-{ticks >> 12 & 0xFFFF:04x}-6{ticks & 0xFFF:03x}-0000-000000000000"


def _access(saver: Any) -> tuple[Any, str]:
    """How a saver lends a cursor, and the mark of a parameter in its SQL."""
    if hasattr(saver, "cursor"):
        return saver.cursor, "?"
    return saver._cursor, "%s"
