"""What the policy costs a request: matching rules, today's spend, measured speeds.

    python bench/policy.py [--runs 100000]

The ledger holds so many runs of one task, all of today, which is the worst case. "cold" reads from
the ledger, which each process does once in `policy.budgets.refresh_s` (`deadlines.refresh_s`)
seconds; "kept" is what every other request pays. "rules" matches 50 rules, none of which holds;
"check" looks for shadows among them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import machine, print_json, seconds, table
from sqlalchemy import insert

from tandem.ledger.days import day_of
from tandem.ledger.speeds import Speeds
from tandem.ledger.spend import Spend
from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, runs, spend
from tandem.routing.rules import Facts, first_match
from tandem.routing.shadows import shadows
from tandem.settings import Limits, Policy

ROUNDS = 9
FACTS = Facts("faq", "bank", "none", "realtime", 0.5, None, 800, 1200, 1)


def filled(folder: Path, count: int) -> Ledger:
    """A ledger with `count` runs of today, one in five escalated."""
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    now = time.time()
    midnight = now - now % 86_400
    with ledger.writing() as connection:
        for first in range(0, count, 5000):
            numbers = range(first, min(first + 5000, count))
            connection.execute(insert(runs), [_run(n, count, midnight, now) for n in numbers])
            tried = [_attempt(n, "slm") for n in numbers]
            tried += [_attempt(n, "llm") for n in numbers if n % 5 == 0]
            connection.execute(insert(attempts), tried)
        tenants = {row["tenant"] for row in (_run(n, count, midnight, now) for n in range(20))}
        rows = [_spent(tenant, now) for tenant in tenants]
        connection.execute(insert(spend), rows)
    return ledger


def _run(number: int, count: int, midnight: float, now: float) -> dict[str, Any]:
    return {
        "id": f"{number:032x}",
        "started": midnight + (now - midnight) * number / count,
        "status": "accepted",
        "tenant": f"tenant {number % 20}",
        "task": "faq",
        "reasons": ["task faq (1.00): declared by the caller", "task faq starts on the SLM"],
        "currency": "USD",
    }


def _attempt(number: int, tier: str) -> dict[str, Any]:
    return {
        "run_id": f"{number:032x}",
        "id": f"{number:032x}{tier}",
        "position": int(tier == "llm"),
        "tier": tier,
        "model": "model",
        "finish": "stop",
        "input_tokens": 300,
        "output_tokens": 40,
        "calls": 1,
        "seconds": 0.5 + number % 100 / 100,
        "cost": 0.0001,
        "signals": {},
    }


def _spent(tenant: str, now: float) -> dict[str, Any]:
    return {"day": day_of(now), "currency": "USD", "tenant": tenant, "cost": 1.0}


def rules(count: int) -> Policy:
    """Rules of which none holds for FACTS."""
    whens = [
        {"tenant": f"other {n}", "complexity": {"above": n / count}, "text_chars": {"below": 9 * n}}
        for n in range(count)
    ]
    return Policy.model_validate(
        {
            "rules": [
                {"name": str(place), "when": when, "may_escalate": True}
                for place, when in enumerate(whens)
            ]
        }
    )


def timed(work: Callable[[], object], times: int = 1) -> dict[str, float]:
    """Median and slowest of some rounds, in ms a call."""
    found = [1000 * seconds(lambda: [work() for _ in range(times)]) / times for _ in range(ROUNDS)]
    return {"p50_ms": statistics.median(found), "max_ms": max(found)}


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    count = parser.parse_args().runs
    policy = rules(50)
    with tempfile.TemporaryDirectory() as folder:
        ledger = filled(Path(folder), count)
        speeds, kept_speeds = Speeds(ledger, 20, 200, 0.0), Speeds(ledger, 20, 200, 600.0)
        read_spend, kept_spend = Spend(ledger, 0.0), Spend(ledger, 600.0)
        kept_speeds.of("faq"), kept_spend.today()
        figures = {
            "spend, cold": timed(read_spend.today),
            "spend, kept": timed(kept_spend.today, 1000),
            "speeds, cold": timed(lambda: speeds.of("faq")),
            "speeds, kept": timed(lambda: kept_speeds.of("faq"), 1000),
            "rules": timed(lambda: first_match(policy, FACTS), 100),
            "check": timed(lambda: shadows(policy, Limits())),
        }
    print(table(f"{count} runs of today", figures, digits=4))
    print_json({"runs": count, **machine(), **figures})


if __name__ == "__main__":
    main()
