"""What holds when a run goes on: its time, its tools, its privacy, and the key it needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tandem.errors import RunStateError
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, plan

AFTER_IT = {"tool": "note", "arguments": {"line": "$s1.noted again"}}
ALLOWED_S = 60.0


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@contextmanager
def hours_later(hours: int) -> Iterator[None]:
    later = time.time() + 3600 * hours
    with mock.patch("time.time", return_value=later):
        yield


def left(tandem: Any) -> float:
    """Seconds that the last call of the LLM was allowed."""
    (*_, call) = tandem.services.fakes["llm"].bound
    return call.context.deadline - time.time()


def test_after_each_pause_a_run_has_its_whole_time_and_no_more(house: House) -> None:
    with house.tandem(plan(NOTE, AFTER_IT)) as tandem:
        run_id = tandem.run(REQUEST, task="agent", deadline_ms=60_000)["run_id"]
    for hours, step in ((1, "s1"), (3, "s2")):
        with hours_later(hours), house.tandem(ANSWER) as tandem:
            answer = tandem.approve(run_id, step)
            assert answer["seconds"] < ALLOWED_S
            if answer["status"] == "accepted":
                assert left(tandem) == pytest.approx(ALLOWED_S)

    assert answer["status"] == "accepted"
    assert house.noted == ["first", "first again"]


def test_after_a_crash_a_run_has_its_whole_time(house: House) -> None:
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent", deadline_ms=60_000)["run_id"]
        with (
            mock.patch("tandem.nodes.agent.synthesise.bind", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            tandem.approve(run_id)
    with hours_later(1), house.tandem(ANSWER) as tandem:
        answer = tandem.resume(run_id)
        assert left(tandem) == pytest.approx(ALLOWED_S)

    assert answer["status"] == "accepted"
    assert house.noted == ["first"]


def test_a_run_that_is_kept_hands_work_to_the_slm_before_and_after_a_pause(house: House) -> None:
    first = {"tool": "draft", "arguments": {"text": "Write a note that we meet at 3 pm."}}
    last = {"tool": "draft", "arguments": {"text": "Write a note that $s2.noted"}}
    with house.tandem(plan(first, NOTE, last), slm=["We meet at 3 pm."]) as tandem:
        waiting = tandem.run(REQUEST, task="agent")
        assert [step["status"] for step in waiting["steps"]] == ["done", "planned", "planned"]
    with house.tandem(ANSWER, slm=["It is the first."]) as tandem:
        answer = tandem.approve(waiting["run_id"])

    assert [step["status"] for step in answer["steps"]] == ["done", "done", "done"]
    assert answer["steps"][0]["result"]["text"] == "We meet at 3 pm."
    assert answer["steps"][2]["result"]["text"] == "It is the first."
    assert answer["status"] == "accepted"


def test_a_step_whose_tool_is_not_here_is_not_given_up(house: House) -> None:
    known = house.tool
    with house.tandem(plan(NOTE)) as tandem:
        with (
            mock.patch("tandem.nodes.agent.dispatch.arrange", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            tandem.run(REQUEST, task="agent")
        (run,) = tandem.runs.listed()
    house.tool = replace(known, name="other")
    with house.tandem() as tandem, pytest.raises(RunStateError, match="nothing is lost"):
        tandem.resume(run["run_id"])
    house.tool = known
    with house.tandem(ANSWER) as tandem:
        assert tandem.resume(run["run_id"])["status"] == "waiting"
        assert tandem.approve(run["run_id"])["status"] == "accepted"
