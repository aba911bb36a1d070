"""What tenants spent today, read from the ledger and kept for some seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from tandem.ledger.days import day_of
from tandem.ledger.store import Ledger
from tandem.ledger.tables import spend


@dataclass
class Spend:
    """Today's costs by tenant, in the ledger's currency; a day is a UTC day.

    Costs count from the moment that an attempt ends, whatever became of its run. What is under way
    is not known, so a budget can be passed: by all that was begun, by any process, before the
    attempt that spent it had ended, and in the `refresh_s` after that.
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
            if not fresh or day_of(now) > day_of(self._read_at):
                self._kept, self._read_at = self._read(day_of(now)), now
            return self._kept

    def _read(self, day: int) -> Mapping[str, float]:
        query = select(spend.c.tenant, spend.c.cost).where(
            spend.c.day == day, spend.c.currency == self.ledger.currency
        )
        with self.ledger.reading() as connection:
            return {tenant: float(cost) for tenant, cost in connection.execute(query)}
