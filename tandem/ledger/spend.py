"""What tenants spent today: one sum over the ledger, kept for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select

from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, runs

_DAY_S = 86_400


@dataclass
class Spend:
    """Today's costs by tenant, in the ledger's currency; a day is a UTC day.

    A run's costs count from the moment its attempts end, failed and unfinished runs included. What
    requests that are under way will cost is not known, so a budget can be passed by as much as
    was begun in the last `refresh_s`, by any process, before it was seen to be spent.
    """

    ledger: Ledger
    refresh_s: float
    clock: Callable[[], float] = time.time
    _read_at: float = float("-inf")
    _kept: Mapping[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def today(self) -> Mapping[str, float]:
        """Costs by tenant. Raises LedgerError where the ledger cannot be read."""
        with self._lock:
            now = self.clock()
            fresh = 0 <= now - self._read_at < self.refresh_s
            if not fresh or _midnight(now) > self._read_at:
                self._kept, self._read_at = self._read(_midnight(now)), now
            return self._kept

    def _read(self, since: float) -> Mapping[str, float]:
        query = (
            select(runs.c.tenant, func.sum(attempts.c.cost))
            .join_from(runs, attempts, attempts.c.run_id == runs.c.id)
            .where(runs.c.started >= since, runs.c.currency == self.ledger.currency)
            .group_by(runs.c.tenant)
        )
        with self.ledger.reading() as connection:
            return {tenant: float(cost) for tenant, cost in connection.execute(query)}


def _midnight(now: float) -> float:
    return now - now % _DAY_S
