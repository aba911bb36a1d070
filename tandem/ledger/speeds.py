"""How fast a task's answers came from each tier, measured on the last ones in the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import or_, select

from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, runs
from tandem.records import TierName

_TIERS: Final[tuple[TierName, ...]] = ("slm", "llm")
_RUNS_AN_ANSWER: Final = 10
"""So many times `most` runs of the task are looked through for answers of a tier."""


class Speed(NamedTuple):
    """Seconds that answers of one task on one tier took."""

    p50: float
    p95: float
    n: int

    @property
    def told(self) -> str:
        """The p95 in words and numbers."""
        return f"{self.p95:.2f} s (p95 of {self.n})"


@dataclass
class Speeds:
    """Speeds by task, each read again after `refresh_s`; safe for use by threads.

    Parameters
    ----------
    least: answers below which a speed is not known.
    most: how many of the last answers count.
    max_age_s: older answers do not count.
    """

    ledger: Ledger
    least: int
    most: int
    refresh_s: float
    max_age_s: float = 86_400.0
    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Mapping[TierName, Speed]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, task: str) -> Mapping[TierName, Speed]:
        """The known speeds of a task. Raises LedgerError where the ledger cannot be read."""
        with self._lock:
            read, speeds = self._kept.get(task, (float("-inf"), {}))
            if self.clock() - read >= self.refresh_s:
                speeds = self._read(task)
                self._kept[task] = (self.clock(), speeds)
            return speeds

    def _read(self, task: str) -> Mapping[TierName, Speed]:
        found = {tier: self._seconds(task, tier) for tier in _TIERS}
        return {tier: _speed(each) for tier, each in found.items() if len(each) >= self.least}

    def _seconds(self, task: str, tier: TierName) -> list[float]:
        # An answer that the deadline cut took at least as long: without it the slow look fast.
        counted = or_(attempts.c.error_code.is_(None), attempts.c.error_code == "deadline")
        # Bounded: where hardly a run asked this tier, the whole ledger would be walked for it.
        last = (
            select(runs.c.id, runs.c.started)
            .where(runs.c.task == task, runs.c.started >= time.time() - self.max_age_s)
            .order_by(runs.c.started.desc())
            .limit(self.most * _RUNS_AN_ANSWER)
            .subquery()
        )
        query = (
            select(attempts.c.seconds)
            .join_from(last, attempts, attempts.c.run_id == last.c.id)
            .where(attempts.c.tier == tier, attempts.c.purpose == "answer", counted)
            .order_by(last.c.started.desc())
            .limit(self.most)
        )
        with self.ledger.reading() as connection:
            return sorted(connection.execute(query).scalars())


def _speed(seconds: list[float]) -> Speed:
    """By the nearest rank above, so that a p95 is never less than what was seen."""
    last = len(seconds) - 1
    return Speed(
        p50=seconds[len(seconds) // 2],
        p95=seconds[min(last, -(-len(seconds) * 95 // 100))],
        n=len(seconds),
    )
