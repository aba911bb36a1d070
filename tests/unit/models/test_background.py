"""The background queue: bounded, one thread, flushed on close, nothing breaks it."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

import pytest

from tandem.errors import LedgerError
from tandem.models.background import Background
from tandem.models.cancel import cancelled, pause


def test_jobs_are_done_in_order_in_one_daemon_thread() -> None:
    done: list[tuple[int, str, bool]] = []
    background = Background(10, 5)

    def note(number: int) -> None:
        thread = threading.current_thread()
        done.append((number, thread.name, thread.daemon))

    for number in range(3):
        assert background.offer(partial(note, number))
    background.close()
    assert done == [(number, "tandem-bg", True) for number in range(3)]
    assert background.dropped == 0


def test_what_does_not_fit_is_dropped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = threading.Event(), threading.Event()
    background = Background(1, 5)

    def slow() -> None:
        begun.set()
        go_on.wait(5)

    assert background.offer(slow)
    assert begun.wait(5)
    assert background.offer(lambda: None)
    assert not background.offer(lambda: None)
    go_on.set()
    with caplog.at_level(logging.WARNING):
        background.close()
    assert background.dropped == 1
    assert "1 background jobs were dropped" in caplog.text


def test_a_failing_job_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    def fail(error: Exception) -> None:
        raise error

    done: list[int] = []
    background = Background(5, 5)
    background.offer(lambda: fail(ValueError("QUINCE")))
    background.offer(lambda: fail(LedgerError("The ledger is full.")))
    background.offer(lambda: done.append(1))
    background.close()
    assert done == [1]
    assert "ValueError" in caplog.text
    assert "The ledger is full." in caplog.text
    assert "QUINCE" not in caplog.text


def test_close_cancels_what_takes_too_long_and_takes_no_more() -> None:
    seen: list[bool] = []
    background = Background(5, 0.05)

    def endless() -> None:
        pause(30)
        seen.append(cancelled())

    background.offer(endless)
    background.offer(lambda: seen.append(False))
    started = time.monotonic()
    background.close()
    assert time.monotonic() - started < 3
    assert seen == [True]
    assert background.dropped == 1
    assert not background.offer(lambda: None)


def test_flush_waits() -> None:
    background = Background(5, 5)
    done: list[int] = []
    background.offer(lambda: done.append(1))
    assert background.flush(5)
    assert done == [1]
    background.close()
