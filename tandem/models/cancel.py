"""Cancelling: a flag that travels with the execution context, so that a client's stream can see
it in whatever thread a graph runs its nodes."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final


class Cancellation:
    """A handle on work that runs elsewhere: `context()` is where it runs, `cancel()` stops it."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []

    def context(self) -> contextvars.Context:
        """A copy of the current context in which `cancelled()` sees this handle."""
        context = contextvars.copy_context()
        context.run(_CURRENT.set, self)
        return context

    def cancel(self) -> None:
        """Stop the work: what it waits for is closed, and model clients ask for nothing more."""
        with self._lock:
            self._flag.set()
            closers, self._closers = self._closers, []
        for close in closers:
            close()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._flag.is_set()

    def wait(self, seconds: float) -> None:
        """Wait, at most until cancelled."""
        self._flag.wait(seconds)

    def add(self, close: Callable[[], None]) -> None:
        """Have `close` called by `cancel`; at once where that has been."""
        with self._lock:
            if not self._flag.is_set():
                self._closers.append(close)
                return
        close()

    def remove(self, close: Callable[[], None]) -> None:
        """Forget `close`."""
        with self._lock:
            self._closers = [other for other in self._closers if other is not close]


_CURRENT: Final[contextvars.ContextVar[Cancellation | None]] = contextvars.ContextVar(
    "tandem_cancellation", default=None
)


def cancelled() -> bool:
    """Whether the work that this code belongs to was cancelled."""
    current = _CURRENT.get()
    return current is not None and current.cancelled


def on_cancel(close: Callable[[], None]) -> Callable[[], None]:
    """Have `close` called when the current work is cancelled; gives what forgets it again."""
    current = _CURRENT.get()
    if current is None:
        return lambda: None
    current.add(close)
    return lambda: current.remove(close)


@contextmanager
def cancelling() -> Iterator[contextvars.Context]:
    """A context for work that ends when this block is left, or when the current work does."""
    work = Cancellation()
    forget = on_cancel(work.cancel)
    try:
        yield work.context()
    finally:
        forget()
        work.cancel()


def pause(seconds: float) -> None:
    """Sleep, at most until the current work is cancelled."""
    current = _CURRENT.get()
    if current is None:
        time.sleep(seconds)
    else:
        current.wait(seconds)
