"""The embedded SLM's server is killed (kill -9) while it answers."""

from __future__ import annotations

import threading

import psutil
import pytest

from tandem import Tandem
from tests.live.house import SLM, Home, wait_for

ASKED = "Write a note of five sentences: the office is closed on Friday because of works."


@pytest.mark.parametrize("times", [1, 2])
def test_a_kill_in_mid_request_ends_with_an_answer(home: Home, times: int) -> None:
    """Once: the server is started again. Twice: the LLM answers."""
    killed: list[int] = []
    with Tandem(home.settings()) as tandem:
        tandem.run("Hello", task="draft")  # the server is up
        killer = threading.Thread(target=_kill, args=(home, times, killed))
        killer.start()
        answer = tandem.run(ASKED, task="draft")
        killer.join(60)
        assert len(set(killed)) == times, "another process each time"
        assert answer["status"] == "accepted"
        assert "Friday" in answer["output"]["text"]
        row = tandem.services.ledger.run(answer["run_id"])
    assert row is not None
    assert row["status"] == "accepted"
    slm = row["attempts"][0]
    assert slm["tier"] == "slm"
    if times == 2:
        assert (slm["error_code"], slm["calls"], slm["cost"]) == ("model_unavailable", 0, 0)
        assert row["tier"] == "llm"


def _kill(home: Home, times: int, killed: list[int]) -> None:
    for _ in range(times):
        wait_for(lambda: home.at_work(SLM) > 0, 60)
        record = home.server(SLM)
        assert record is not None
        psutil.Process(record.pid).kill()
        killed.append(record.pid)
