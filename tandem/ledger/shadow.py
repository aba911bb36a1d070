"""The shadow's rows: what the LLM said of answers that were accepted without it.

Agreement with the LLM is no share of right answers (the LLM errs too), and is named so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select
from typing_extensions import TypedDict

from tandem.ledger.days import DAY_S, add_spend, day_of
from tandem.ledger.store import Ledger
from tandem.ledger.tables import shadow
from tandem.stats import CONFIDENCE, Interval, wilson


class ShadowRow(TypedDict):
    """One comparison. Money in the ledger's currency, `seconds` the LLM's."""

    run_id: str
    probability: float
    """With which the run was drawn."""
    agreed: bool | None
    """None where there was nothing to compare; `error_code` says why."""
    model: str
    output_sum: str
    """A hash of the run's id and what the LLM said."""
    cost: float
    seconds: float
    error_code: str | None


class ShadowReport(TypedDict):
    """What the shadow says of a task. JSON-plain."""

    task: str
    asked: int
    compared: int
    agreed: int
    agreement: float | None
    """Estimated share of all answers accepted without the LLM with which the LLM agrees."""
    low: float
    high: float
    cost: float
    errors: dict[str, int]


def add_shadow(ledger: Ledger, row: ShadowRow) -> None:
    """Write a comparison, and its cost into the day's spending.

    Raises
    ------
    LedgerError: it cannot be written, or the run was compared before.
    """
    columns = {**row, "ended": time.time(), "currency": ledger.currency}
    with ledger.writing() as connection:
        connection.execute(insert(shadow).values(**columns))
        add_spend(connection, row["run_id"], ledger.currency, row["cost"])


def has_shadow(ledger: Ledger, run_id: str) -> bool:
    """Whether a run was compared already."""
    with ledger.reading() as connection:
        found = select(shadow.c.run_id).where(shadow.c.run_id == run_id)
        return connection.execute(found).first() is not None


def shadow_spent(ledger: Ledger) -> float:
    """What the shadow cost today (UTC), in the ledger's currency."""
    today = day_of(time.time()) * DAY_S
    query = select(func.sum(shadow.c.cost)).where(
        shadow.c.ended >= today, shadow.c.currency == ledger.currency
    )
    with ledger.reading() as connection:
        return float(connection.execute(query).scalar() or 0.0)


def agreement(pairs: Sequence[tuple[bool, float]], confidence: float = CONFIDENCE) -> Interval:
    """The share that agrees, each row weighted by 1/probability; `n` is the effective sample size.

    Parameters
    ----------
    pairs: whether it agreed, and with which probability (above 0) it was drawn.

    Sources: Hájek (1971) for the ratio of weighted sums; Kish (1965) for the sample size.
    """
    weights = [1 / probability for _, probability in pairs]
    total = sum(weights)
    if not total:
        return wilson(0, 0, confidence)
    mean = sum(weight for weight, (agreed, _) in zip(weights, pairs, strict=True) if agreed) / total
    effective = int(total**2 / sum(weight**2 for weight in weights) + 1e-9)
    return wilson(min(mean, 1.0) * effective, effective, confidence)


def shadow_report(
    task: str, rows: Iterable[Mapping[str, Any]], currency: str, confidence: float = CONFIDENCE
) -> ShadowReport:
    """The line of a task. Money in other currencies is left out."""
    kept = list(rows)
    pairs = [(row["agreed"], row["probability"]) for row in kept if row["agreed"] is not None]
    found = agreement(pairs, confidence)
    return {
        "task": task,
        "asked": len(kept),
        "compared": len(pairs),
        "agreed": sum(agreed for agreed, _ in pairs),
        "agreement": found.mean if pairs else None,
        "low": found.low,
        "high": found.high,
        "cost": sum(row["cost"] for row in kept if row["currency"] == currency),
        "errors": dict(sorted(Counter(r["error_code"] for r in kept if r["error_code"]).items())),
    }
