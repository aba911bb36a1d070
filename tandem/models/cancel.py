"""Cancelling: a flag that travels with the execution context, so that a client's stream can see
it in whatever thread a graph runs its nodes."""

from __future__ import annotations

import contextvars
import threading
from typing import Final

_FLAG: Final[contextvars.ContextVar[threading.Event | None]] = contextvars.ContextVar(
    "tandem_cancelled", default=None
)


class Cancellation:
    """A handle on work that runs elsewhere: `context()` is where it runs, `cancel()` stops it."""

    def __init__(self) -> None:
        self._flag = threading.Event()

    def context(self) -> contextvars.Context:
        """A copy of the current context in which `cancelled()` sees this handle."""
        context = contextvars.copy_context()
        context.run(_FLAG.set, self._flag)
        return context

    def cancel(self) -> None:
        """Ask the work to stop; model clients close their stream."""
        self._flag.set()


def cancelled() -> bool:
    """Whether the work that this code belongs to was cancelled."""
    flag = _FLAG.get()
    return flag is not None and flag.is_set()
