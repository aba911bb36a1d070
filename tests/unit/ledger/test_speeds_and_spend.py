from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tandem.ledger.speeds import Speeds
from tandem.ledger.spend import Spend
from tandem.ledger.store import Ledger
from tandem.ledger.tables import runs
from tests.unit.ledger.rows import attempt

OUT_OF_TIME = {"code": "deadline", "what": "The time ran out.", "remedy": ""}
DOWN = {"code": "model_unavailable", "what": "Nobody answered.", "remedy": ""}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def add(ledger: Ledger, name: str, task: str = "faq", tenant: str = "", **fields: Any) -> None:
    ledger.start(name, {"text": "", "task": task, "tenant": tenant})
    ledger.add_attempt(name, attempt(**fields))


def speeds(ledger: Ledger, **given: Any) -> Speeds:
    return Speeds(ledger, **{"least": 3, "most": 20, "refresh_s": 0.0, **given})


def test_a_speed_is_of_one_task_and_tier(ledger: Ledger) -> None:
    for number in range(20):
        add(ledger, f"s{number}", seconds=number / 10)
        add(ledger, f"o{number}", task="draft", seconds=9.0)
    for number in range(2):
        add(ledger, f"l{number}", tier="llm", seconds=5.0)
    known = speeds(ledger).of("faq")
    assert set(known) == {"slm"}, "two answers of the LLM are too few"
    assert known["slm"] == pytest.approx((1.0, 1.9, 20))
    assert known["slm"].told == "1.90 s (p95 of 20)"


def test_only_the_last_answers_count(ledger: Ledger) -> None:
    for number in range(8):
        add(ledger, f"r{number}", seconds=9.0 if number < 4 else 1.0)
    assert speeds(ledger, most=4).of("faq")["slm"].p95 == 1.0


def test_what_the_deadline_cut_counts_and_what_was_down_does_not(ledger: Ledger) -> None:
    for number in range(3):
        add(ledger, f"d{number}", seconds=2.0, error=OUT_OF_TIME)
        add(ledger, f"u{number}", seconds=0.0, error=DOWN)
        add(ledger, f"c{number}", seconds=0.0, purpose="classify")
    assert speeds(ledger).of("faq")["slm"] == (2.0, 2.0, 3)


def test_speeds_are_read_again_only_after_a_while(ledger: Ledger) -> None:
    now = [0.0]
    kept = speeds(ledger, refresh_s=30.0, clock=lambda: now[0])
    assert kept.of("faq") == {}
    for number in range(3):
        add(ledger, f"r{number}")
    now[0] = 29.0
    assert kept.of("faq") == {}
    now[0] = 30.0
    assert kept.of("faq")["slm"].n == 3


def test_the_days_costs_are_summed_by_tenant_with_runs_that_are_under_way(ledger: Ledger) -> None:
    add(ledger, "a", tenant="bank", cost=0.25)
    add(ledger, "b", tenant="bank", cost=0.5)
    add(ledger, "c", cost=0.125)
    assert Spend(ledger, 0.0).today() == {"bank": 0.75, "": 0.125}


def test_yesterday_and_other_currencies_do_not_count(ledger: Ledger) -> None:
    add(ledger, "old", cost=1.0)
    add(ledger, "euros", cost=1.0)
    add(ledger, "new", cost=2.0)
    now = time.time()
    with ledger.writing() as connection:
        yesterday = now - now % 86_400 - 1
        connection.execute(update(runs).where(runs.c.id == "old").values(started=yesterday))
        connection.execute(update(runs).where(runs.c.id == "euros").values(currency="EUR"))
    assert Spend(ledger, 0.0, clock=lambda: now).today() == {"": 2.0}


def test_a_sum_is_kept_for_seconds_but_not_over_midnight(ledger: Ledger) -> None:
    midnight = 86_400 * 30_000.0
    now = [midnight - 1]
    spend = Spend(ledger, 2.0, clock=lambda: now[0])
    assert spend.today() == {}
    add(ledger, "a", cost=1.0)
    with ledger.writing() as connection:
        connection.execute(update(runs).values(started=midnight + 0.1))
    now[0] = midnight - 0.5
    assert spend.today() == {}
    now[0] = midnight + 0.5
    assert spend.today() == {"": 1.0}
