"""Runs that are kept in a PostgreSQL server: TANDEM_TEST_POSTGRES_URL names a database to use."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.checkpoints.opening import checkpointer_from_url
from tandem.checkpoints.purging import too_old
from tandem.errors import CheckpointError, RunBusy, RunStateError
from tandem.ledger.holding import hold
from tandem.ledger.store import Ledger
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, plan

URL = os.environ.get("TANDEM_TEST_POSTGRES_URL", "")
KEY = "0123456789abcdef0123456789abcdef"
SECOND = {"tool": "note", "arguments": {"line": "$s1.noted again"}}

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not URL, reason="TANDEM_TEST_POSTGRES_URL names no database"),
]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, checkpoints={"url": URL})


def test_a_run_waits_goes_on_and_is_forked(house: House) -> None:
    with house.tandem(plan(NOTE, SECOND)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
    with house.tandem() as tandem:
        assert tandem.approve(run_id, "s1")["status"] == "waiting"
    with house.tandem(ANSWER) as tandem:
        answer = tandem.approve(run_id, "s2")
        assert answer["status"] == "accepted"
        assert tandem.runs.answer(run_id) == answer
        with pytest.raises(RunStateError, match="has ended"):
            tandem.resume(run_id)
        fork = tandem.fork(run_id, "s2")
        assert [step["status"] for step in fork["steps"]] == ["done", "planned"]

    assert house.noted == ["first", "first again"]


def test_nothing_of_a_sensitive_run_stands_there_in_clear(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    word = f"w{uuid.uuid4().hex}"
    steps = plan({"tool": "note", "arguments": {"line": word}})
    with house.tandem(steps) as tandem:
        tandem.services.fakes["llm"].private = True  # type: ignore[attr-defined]
        request = {"text": f"Note {word}.", "task": "agent", "sensitivity": "personal"}
        run_id = tandem.run(request)["run_id"]  # type: ignore[arg-type]
    with house.tandem(ANSWER) as tandem:
        tandem.services.fakes["llm"].private = True  # type: ignore[attr-defined]
        assert tandem.approve(run_id)["status"] == "accepted"

    assert house.noted == [word]
    with psycopg.connect(URL) as connection:
        for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
            query = f"SELECT t.*::text FROM {table} t WHERE thread_id = %s"
            rows = connection.execute(query, (run_id,)).fetchall()  # type: ignore[call-overload]
            assert rows
            shown = repr(rows)
            assert word not in shown
            assert word.encode().hex() not in shown


def test_old_checkpoints_are_deleted(house: House) -> None:
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
    saver = checkpointer_from_url(URL)
    assert run_id not in too_old(saver, days=1)
    assert run_id in too_old(saver, days=-1)
    assert too_old(saver, days=-1, thread=run_id) == [run_id]
    saver.delete_thread(run_id)
    saver.conn.close()  # type: ignore[attr-defined]
    with house.tandem() as tandem, pytest.raises(RunStateError, match="deleted"):
        tandem.approve(run_id)


def test_a_server_that_is_down_is_told_of() -> None:
    with pytest.raises(CheckpointError, match="cannot be opened") as caught:
        checkpointer_from_url("postgresql://nobody:secret@127.0.0.1:9/none", connect_s=1)
    assert "secret" not in str(caught.value)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    from sqlalchemy import make_url

    url = make_url(URL).set(drivername="postgresql+psycopg")
    opened = Ledger(url.render_as_string(hide_password=False))
    yield opened
    opened.close()


def test_a_ledger_there_lets_one_worker_at_a_run(ledger: Ledger) -> None:
    with hold(ledger, "thread"):
        with pytest.raises(RunBusy), hold(ledger, "thread"):
            pass
        with hold(ledger, "other"):
            pass
    with hold(ledger, "thread"):
        pass
