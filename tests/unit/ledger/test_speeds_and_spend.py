from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from tandem.ledger.speeds import Speeds
from tandem.ledger.spend import Spend
from tandem.ledger.store import Ledger
from tandem.ledger.tables import runs, spend
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
    assert known["slm"] == pytest.approx((1.0, 1.9, 20, False))
    assert known["slm"].told == "1.90 s (p95 of 20)"


def test_only_the_last_answers_count(ledger: Ledger) -> None:
    for number in range(8):
        add(ledger, f"r{number}", seconds=9.0 if number < 4 else 1.0)
    assert speeds(ledger, most=4).of("faq")["slm"].p95 == 1.0


def test_a_speed_is_forgotten_in_time_so_that_the_tier_is_tried_again(ledger: Ledger) -> None:
    for number in range(3):
        add(ledger, f"r{number}")
    assert speeds(ledger, max_age_s=60.0).of("faq")
    with ledger.writing() as connection:
        connection.execute(update(runs).values(started=runs.c.started - 61))
    assert speeds(ledger, max_age_s=60.0).of("faq") == {}


def test_what_was_down_or_only_read_does_not_count(ledger: Ledger) -> None:
    for number in range(3):
        add(ledger, f"d{number}", seconds=2.0)
        add(ledger, f"u{number}", seconds=0.0, error=DOWN)
        add(ledger, f"c{number}", seconds=0.0, purpose="classify")
    assert speeds(ledger).of("faq")["slm"] == (2.0, 2.0, 3, False)


def test_what_the_deadline_cut_is_too_late_for_whoever_has_no_more_time(ledger: Ledger) -> None:
    for number in range(10):
        add(ledger, f"w{number}", seconds=0.1)
        add(ledger, f"d{number}", seconds=0.5, error=OUT_OF_TIME)
    with_less = speeds(ledger).of("faq", 0.5)["slm"]
    assert with_less == (0.5, 0.5, 20, True)
    assert with_less.told == "over 0.50 s (p95 of 20)"
    assert not with_less.within(0.5)
    for left_s in (0.6, math.inf):
        assert speeds(ledger).of("faq", left_s)["slm"] == (0.1, 0.1, 10, False)


def test_a_tier_of_which_no_answer_was_whole_is_not_known(ledger: Ledger) -> None:
    for number in range(30):
        add(ledger, f"d{number}", seconds=0.5, error=OUT_OF_TIME)
    assert speeds(ledger).of("faq") == speeds(ledger).of("faq", 0.4) == {}


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


def test_yesterday_and_other_currencies_do_not_count(ledger: Ledger, tmp_path: Path) -> None:
    add(ledger, "old", cost=1.0)
    with ledger.writing() as connection:
        connection.execute(update(spend).values(day=spend.c.day - 1))
    euros = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", currency="EUR")
    add(euros, "euros", cost=1.0)
    add(ledger, "new", cost=2.0)
    assert Spend(ledger, 0.0).today() == {"": 2.0}
    assert Spend(euros, 0.0).today() == {"": 1.0}


def test_an_attempt_that_is_written_twice_is_paid_once(ledger: Ledger) -> None:
    add(ledger, "a", cost=1.0)
    ledger.add_attempt("a", attempt(cost=1.0))
    ledger.add_attempt("a", attempt("free", cost=0.0))
    assert Spend(ledger, 0.0).today() == {"": 1.0}


def test_threads_that_pay_at_once_are_all_counted(ledger: Ledger) -> None:
    ledger.start("a", {"text": "", "tenant": "bank"})
    with ThreadPoolExecutor(8) as pool:
        paid = [
            pool.submit(ledger.add_attempt, "a", attempt(f"a{n}", cost=0.25)) for n in range(40)
        ]
    assert [each.result() for each in paid] == [None] * 40
    assert Spend(ledger, 0.0).today() == {"bank": 10.0}


def test_a_sum_is_kept_for_seconds_but_not_over_midnight(ledger: Ledger) -> None:
    midnight = 86_400 * 30_000.0
    now = [midnight - 1]
    kept = Spend(ledger, 2.0, clock=lambda: now[0])
    assert kept.today() == {}
    with ledger.writing() as connection:
        for day in (29_999, 30_000):
            row = {"day": day, "currency": "USD", "tenant": "", "cost": float(day)}
            connection.execute(insert(spend).values(**row))
    now[0] = midnight - 0.5
    assert kept.today() == {}
    now[0] = midnight + 0.5
    assert kept.today() == {"": 30_000.0}
