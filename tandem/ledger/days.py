"""What each tenant spent in a day, kept up with every attempt."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from tandem.ledger.tables import runs, spend

DAY_S: Final = 86_400

_TENANT: Final = select(runs.c.tenant).where(runs.c.id == bindparam("of_run")).scalar_subquery()
_MORE: Final = (
    update(spend)
    .where(spend.c.day == bindparam("of_day"), spend.c.currency == bindparam("of_currency"))
    .where(spend.c.tenant == _TENANT)
    .values(cost=spend.c.cost + bindparam("more"))
)
_FIRST: Final = insert(spend).values(
    day=bindparam("of_day"),
    currency=bindparam("of_currency"),
    tenant=_TENANT,
    cost=bindparam("more"),
)


def day_of(moment: float) -> int:
    """The UTC day of a Unix time, in days since 1970."""
    return int(moment // DAY_S)


def add_spend(connection: Connection, run_id: str, currency: str, cost: float) -> None:
    """Count `cost` for the tenant of a run, in the transaction of `connection`."""
    if not cost:
        return
    day = day_of(time.time())
    row = {"of_run": run_id, "of_day": day, "of_currency": currency, "more": cost}
    if connection.execute(_MORE, row).rowcount:
        return
    try:
        with connection.begin_nested():
            connection.execute(_FIRST, row)
    except IntegrityError:
        # Another process made the tenant's row for the day just now.
        connection.execute(_MORE, row)
