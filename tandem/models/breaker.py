"""A circuit breaker: an endpoint that keeps failing is left alone for a while.

Closed, it lets all calls through. After so many failures in a row it opens and lets none through.
After so many seconds it lets one call try (half-open): success closes it, failure opens it again.
Source: M. Nygard, Release It!, "Circuit Breaker".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class CircuitBreaker:
    """One endpoint's breaker. Safe for use by threads."""

    def __init__(
        self, failures: int, reset_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._reset_s = reset_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._retry_at = 0.0

    def allow(self) -> bool:
        """Whether a call may be made now; the caller must then tell how it ended."""
        with self._lock:
            if self._failed < self._limit:
                return True
            if self._clock() < self._retry_at:
                return False
            # This caller is the trial; the others wait for its outcome, or for the next turn if
            # it never tells.
            self._retry_at = self._clock() + self._reset_s
            return True

    def succeeded(self) -> None:
        """The endpoint answered."""
        with self._lock:
            self._failed = 0

    def failed(self) -> None:
        """The endpoint did not answer."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._retry_at = self._clock() + self._reset_s
