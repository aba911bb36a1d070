"""How fast a task's answers came from each tier, measured on the last ones in the ledger."""

from __future__ import annotations

import math
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
    cut: bool = False
    """The p95 is of an answer that a deadline cut: it would have taken longer."""

    @property
    def told(self) -> str:
        """The p95 in words and numbers."""
        return f"{'over ' if self.cut else ''}{self.p95:.2f} s (p95 of {self.n})"

    def within(self, left_s: float) -> bool:
        """Whether 19 of 20 answers came in `left_s` seconds."""
        return self.p95 < left_s if self.cut else self.p95 <= left_s


class _Measured(NamedTuple):
    """Seconds of the last answers."""

    finished: list[float]
    cut: list[float]


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
    _kept: dict[str, tuple[float, Mapping[TierName, _Measured]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, task: str, left_s: float = math.inf) -> Mapping[TierName, Speed]:
        """The known speeds of a task, for a request that has `left_s` seconds.

        An answer that a deadline cut took at least as long. Where it had `left_s` or more, it would
        not have come in time either, and counts; where it had less, it tells nothing. A tier of
        which no answer was whole is not known.

        Raises
        ------
        LedgerError: the ledger cannot be read.
        """
        with self._lock:
            read, measured = self._kept.get(task, (float("-inf"), {}))
            if self.clock() - read >= self.refresh_s:
                measured = {tier: self._read(task, tier) for tier in _TIERS}
                self._kept[task] = (self.clock(), measured)
        speeds: dict[TierName, Speed] = {}
        for tier, (finished, cut) in measured.items():
            counted = [seconds for seconds in cut if seconds >= left_s]
            if finished and len(finished) + len(counted) >= self.least:
                speeds[tier] = _speed(finished, counted)
        return speeds

    def _read(self, task: str, tier: TierName) -> _Measured:
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
            select(attempts.c.seconds, attempts.c.error_code)
            .join_from(last, attempts, attempts.c.run_id == last.c.id)
            .where(attempts.c.tier == tier, attempts.c.purpose == "answer", counted)
            .order_by(last.c.started.desc())
            .limit(self.most)
        )
        with self.ledger.reading() as connection:
            rows = connection.execute(query).all()
        return _Measured(
            finished=[seconds for seconds, error in rows if error is None],
            cut=[seconds for seconds, error in rows if error is not None],
        )


def _speed(finished: list[float], cut: list[float]) -> Speed:
    """By the nearest rank above, so that a p95 is never less than what was seen."""
    seconds = sorted([(each, False) for each in finished] + [(each, True) for each in cut])
    p95, is_cut = seconds[min(len(seconds) - 1, -(-len(seconds) * 95 // 100))]
    return Speed(p50=seconds[len(seconds) // 2][0], p95=p95, n=len(seconds), cut=is_cut)
