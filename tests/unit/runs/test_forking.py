"""Forks: a new run from a step of another one."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import CheckpointError, RunStateError
from tandem.ledger.kept import kept
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, plan

COUNT = {"tool": "count_text", "arguments": {"text": "first and second"}}
SECOND = {"tool": "note", "arguments": {"line": "$s1.noted again"}}


def ended(house: House) -> str:
    """A run of two effects, one after the other, that has ended."""
    with house.tandem(plan(NOTE, SECOND, COUNT), ANSWER) as tandem:
        answer = tandem.run(REQUEST, task="agent")
        answer = tandem.approve(answer["run_id"], "s1")
        answer = tandem.approve(answer["run_id"], "s2")
    assert answer["status"] == "accepted"
    assert house.noted == ["first", "first again"]
    return answer["run_id"]


def test_a_fork_keeps_what_was_done_and_asks_for_what_comes(tmp_path: Path) -> None:
    house = House(tmp_path)
    run_id = ended(house)

    with house.tandem(ANSWER) as tandem:
        fork = tandem.fork(run_id, "s2")
        (asked,) = fork["approvals"]
        assert fork["run_id"] == asked["run_id"] != run_id
        assert asked["step_id"] == "s2"
        assert run_id in asked["words"]  # that one did it already
        assert house.noted == ["first", "first again"]
        last = tandem.approve(fork["run_id"])
        original = tandem.runs.answer(run_id)
        note = kept(tandem.services.ledger, fork["run_id"])

    assert last["status"] == "accepted"
    assert last["run_id"] == fork["run_id"]
    assert [step["status"] for step in last["steps"]] == ["done", "done", "done"]
    assert house.noted == ["first", "first again", "first again"]
    (told,) = [reason for reason in last["reasons"] if "forked from" in reason]
    assert f"forked from run {run_id} at s2" in told
    assert told.endswith("its effects stand, and are not done again: s1 (note, done)")
    assert original is not None
    assert original["run_id"] == run_id
    assert note is not None
    assert (note["forked_from"], note["forked_at"]) == (run_id, "s2")


def test_a_run_tells_its_steps_and_where_it_can_be_forked(tmp_path: Path) -> None:
    house = House(tmp_path)
    run_id = ended(house)
    with house.tandem() as tandem:
        told = tandem.runs.told(run_id)
    assert told["steps"] == [
        {"id": "s1", "tool": "note", "status": "done"},
        {"id": "s2", "tool": "note", "status": "done"},
        {"id": "s3", "tool": "count_text", "status": "done"},
    ]
    assert told["forks_at"] == ["s1", "s2", "s3"]


def test_a_fork_of_a_fork_tells_the_effects_of_both(tmp_path: Path) -> None:
    house = House(tmp_path)
    run_id = ended(house)
    with house.tandem(ANSWER) as tandem:
        first = tandem.fork(run_id, "s2")
        second = tandem.fork(first["run_id"], "s2")
    assert any(
        f"forked from run {first['run_id']}" in reason and "s1 (note, done)" in reason
        for reason in second["reasons"]
    )


def test_a_fork_does_not_pay_again(tmp_path: Path) -> None:
    house = House(tmp_path)
    run_id = ended(house)

    with house.tandem(ANSWER) as tandem:
        fork = tandem.fork(run_id, "s2")
        assert fork["cost"] == 0.0
        last = tandem.reject(fork["run_id"])
        original = tandem.runs.answer(run_id)
        row = tandem.services.ledger.run(fork["run_id"])

    assert original is not None
    assert 0 < last["cost"] < original["cost"]
    assert row is not None
    assert row["cost"] == pytest.approx(last["cost"])
    assert house.noted == ["first", "first again"]


def test_a_fork_does_not_save_again_what_the_original_saved(tmp_path: Path) -> None:
    house = House(tmp_path)
    draft = {"tool": "draft", "arguments": {"text": "Write a note that we meet at 3 pm."}}
    with house.tandem(plan(draft, NOTE), ANSWER, slm=["We meet at 3 pm."]) as tandem:
        answer = tandem.run(REQUEST, task="agent")
        assert answer["steps"][0]["status"] == "done"
        fork = tandem.fork(answer["run_id"], "s2")
        last = tandem.reject(fork["run_id"])

    # All that the fork did itself was to write the answer, with the LLM.
    assert last["all_llm_cost"] == pytest.approx(last["cost"])


def test_what_ended_beside_the_step_is_taken_over(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE, {**NOTE, "arguments": {"line": "other"}})) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
        tandem.approve(run_id, "s1")
        fork = tandem.fork(run_id, "s2")

    assert [each["step_id"] for each in fork["approvals"]] == ["s2"]
    assert [step["status"] for step in fork["steps"]] == ["done", "planned"]
    assert house.noted == ["first"]


def test_a_fork_of_a_waiting_run_leaves_that_one_waiting(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE), ANSWER, ANSWER) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
        fork = tandem.fork(run_id, "s1")
        assert tandem.approve(fork["run_id"])["status"] == "accepted"
        assert tandem.approve(run_id)["status"] == "accepted"

    assert house.noted == ["first", "first"]


def test_a_run_or_step_that_is_not_there_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
        for run, step in (("nobody", "s1"), (run_id, "s9")):
            with pytest.raises(RunStateError) as caught:
                tandem.fork(run, step)
            assert caught.value.remedy


def test_half_a_fork_is_not_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]

        def full(*_: Any, **__: Any) -> Any:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(tandem.runs.saver.inner, "put", full)  # type: ignore[union-attr]
        with pytest.raises(CheckpointError):
            tandem.fork(run_id, "s1")
        fork, original = tandem.runs.listed()
    assert (fork["forked_from"], fork["state"]) == (run_id, "failed")
    assert original["state"] == "waiting"
