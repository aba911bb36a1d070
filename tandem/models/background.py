"""Work that no request waits for: a bounded queue, and one daemon thread that empties it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from tandem.errors import TandemError
from tandem.models.cancel import Cancellation

log = logging.getLogger(__name__)
Job = Callable[[], None]
GRACE_S: Final = 2.0
"""How long a job that was cancelled may take to end."""


class Background:
    """Jobs of one process, done one after another; thread-safe. The thread starts with the first.

    Parameters
    ----------
    size: jobs that may wait; what comes on top is dropped.
    close_s: how long `close` waits for the jobs that were taken.
    """

    def __init__(self, size: int, close_s: float) -> None:
        self._size: Final = size
        self._close_s: Final = close_s
        self._waiting: Final[deque[Job]] = deque()
        self._changed: Final = threading.Condition()
        self._work: Final = Cancellation()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closed = False
        self.dropped = 0
        """Jobs that were not done: the queue was full, or closed before their turn."""

    def offer(self, job: Job) -> bool:
        """Take `job` where there is room; never blocks. What it raises is logged."""
        with self._changed:
            if self._closed or len(self._waiting) >= self._size:
                self.dropped += 1
                return False
            self._waiting.append(job)
            # After a fork the thread is not there any more.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="tandem-bg", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def flush(self, seconds: float) -> bool:
        """Wait until all jobs are done; False where `seconds` did not do."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def close(self) -> None:
        """Take no more, wait `close_s` for what was taken, and drop the rest."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        done = self._thread is None or self.flush(self._close_s)
        with self._changed:
            self.dropped += len(self._waiting)
            self._waiting.clear()
        if not done:
            self._work.cancel()
        if self._thread is not None:
            self._thread.join(GRACE_S)
        if self.dropped:
            log.warning("%d background jobs were dropped", self.dropped)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._work.context().run(job)
            except TandemError as error:
                log.warning("a background job failed: %s", error.what)
            except Exception as error:  # its words may quote a request
                log.warning("a background job failed by %s", type(error).__name__)

    def _next(self) -> Job | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            self._busy = True
            return self._waiting.popleft()
