"""Steps with side effects, and who is at a run."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from tandem.errors import Cancelled, LedgerError, RunBusy
from tandem.ledger import effects, kept, tables
from tandem.ledger.holding import hold
from tandem.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.start("r1", {"text": "planted"})
    yield opened
    opened.close()


def ask(ledger: Ledger, step: str = "s1") -> effects.Effect:
    return effects.ask(ledger, "r1", step, "note", "sum")


def test_a_step_is_asked_claimed_and_done(ledger: Ledger) -> None:
    assert ask(ledger)["status"] == "asked"
    assert effects.claim(ledger, "r1", "s1", 0)
    effects.end(ledger, "r1", "s1", "done", result=b"sealed")

    row = effects.find(ledger, "r1", "s1")
    assert row is not None
    assert (row["status"], row["claims"], row["result"]) == ("done", 1, b"sealed")
    assert row["claimed"] is not None
    assert row["ended"] is not None
    assert row["asked"] <= row["claimed"] <= row["ended"]
    assert ask(ledger) == row  # asked anew, it is the same step
    effects.forget_results(ledger)
    assert effects.find(ledger, "r1", "s1") == row, "the run has not ended"
    ledger.fail("r1", Cancelled("Cancelled.", ""))
    effects.forget_results(ledger)
    assert effects.of_runs(ledger, ["r1", "r2"]) == {"r1": [{**row, "result": None}], "r2": []}


def test_of_many_who_claim_one_gets_it(ledger: Ledger) -> None:
    ask(ledger)
    start = threading.Barrier(8)

    def claim(_: int) -> bool:
        start.wait()
        return effects.claim(ledger, "r1", "s1", 0)

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(claim, range(8))) == [False] * 7 + [True]


def test_a_claim_needs_to_know_of_the_ones_before(ledger: Ledger) -> None:
    ask(ledger)
    assert effects.claim(ledger, "r1", "s1", 0)
    assert not effects.claim(ledger, "r1", "s1", 0)
    assert effects.claim(ledger, "r1", "s1", 1)
    effects.end(ledger, "r1", "s1", "done")
    assert not effects.claim(ledger, "r1", "s1", 2)


def test_what_has_ended_stays_as_it_is(ledger: Ledger) -> None:
    ask(ledger)
    effects.end(ledger, "r1", "s1", "rejected")
    effects.end(ledger, "r1", "s1", "done")
    row = effects.find(ledger, "r1", "s1")
    assert row is not None
    assert row["status"] == "rejected"


def test_nothing_is_claimed_in_a_run_that_has_ended(ledger: Ledger) -> None:
    ask(ledger)
    ledger.fail("r1", Cancelled("Cancelled.", ""))
    assert not effects.claim(ledger, "r1", "s1", 0)


def test_a_run_that_the_ledger_does_not_hold_has_no_steps(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run of that id"):
        effects.ask(ledger, "other", "s1", "note", "sum")


def test_one_worker_at_a_time_holds_a_thread(ledger: Ledger) -> None:
    second = pytest.raises(RunBusy, match="nothing was done")
    with hold(ledger, "a"), hold(ledger, "b"), second, hold(ledger, "a"):
        pass
    with hold(ledger, "a"):
        pass


def test_a_lock_leaves_no_files(ledger: Ledger, tmp_path: Path) -> None:
    with hold(ledger, "../../a b"):
        pass
    assert list((tmp_path / "locks").iterdir()) == []


def test_kept_runs_are_listed_newest_first(ledger: Ledger) -> None:
    ledger.start("r2", {"text": "planted", "task": "agent"})
    kept.keep(ledger, "r1", "t1")
    kept.keep(ledger, "r1", "t9")  # noted once
    kept.keep(ledger, "r2", "t1", forked_from="r1", forked_at="s2")
    kept.add_worked(ledger, "r2", 1.5)

    listed = kept.list_kept(ledger)
    assert [row["run_id"] for row in listed] == ["r2", "r1"]
    assert (listed[0]["forked_from"], listed[0]["worked"]) == ("r1", 1.5)
    assert kept.newest_on(ledger, "t1") == "r2"
    ledger.fail("r2", Cancelled("Cancelled.", ""))
    assert [row["run_id"] for row in kept.list_kept(ledger, only_open=True)] == ["r1"]
    assert kept.worked(ledger, "r2") == 1.5
    assert kept.worked(ledger, "r3") == 0.0


def test_an_older_ledger_gets_the_tables(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    old = Ledger(f"sqlite:///{file}")
    old.start("r1", {"text": "planted"})
    with old.writing() as connection:
        connection.execute(update(tables.schema).values(version=4))
        connection.exec_driver_sql("DROP TABLE tandem_effects")
        connection.exec_driver_sql("DROP TABLE tandem_kept_runs")
    old.close()

    opened = Ledger(f"sqlite:///{file}")
    assert ask(opened)["status"] == "asked"
    kept.keep(opened, "r1", "t1")
    opened.close()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT version FROM tandem_schema").fetchone() == (5,)
    connection.close()
