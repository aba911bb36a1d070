"""What is written, and what is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.errors import CheckpointError, RunBusy, RunStateError
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, plan

COUNT = plan({"tool": "count_text", "arguments": {"text": "first and second"}})
KEY = "0123456789abcdef"
SENTIMENT = {"text": "A fine film.", "task": "sentiment", "labels": ["positive", "negative"]}


def files(folder: Path) -> list[str]:
    return [each.name for each in folder.rglob("checkpoints.sqlite*")]


def test_a_short_request_opens_no_database(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(slm=["positive"]) as tandem:
        assert tandem.run(SENTIMENT)["status"] == "accepted"  # type: ignore[arg-type]
    assert files(tmp_path) == []


def test_a_request_whose_task_must_be_read_opens_none_either(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(slm=["message to write", "We meet at 3 pm."]) as tandem:
        assert tandem.run("Write a note that we meet at 3 pm.")["task"] == "draft"
    assert files(tmp_path) == []


def test_tasks_are_kept_by_the_settings(tmp_path: Path) -> None:
    house = House(tmp_path, checkpoints={"tasks": ["sentiment"]})
    with house.tandem(slm=["positive"]) as tandem:
        answer = tandem.run(SENTIMENT)  # type: ignore[arg-type]
        assert tandem.runs.answer(answer["run_id"]) == answer
    assert files(tmp_path)


@pytest.mark.parametrize("key", ["", KEY])
def test_a_sensitive_run_is_kept_only_with_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("LANGGRAPH_AES_KEY", key)
    house = House(tmp_path)
    with house.tandem(COUNT, ANSWER) as tandem:
        tandem.services.fakes["llm"].private = True  # type: ignore[attr-defined]
        answer = tandem.run(REQUEST, task="agent", sensitivity="personal")
        resumable = tandem.runs.answer(answer["run_id"])

    said = any("no checkpoint was written" in reason for reason in answer["reasons"])
    assert said == (not key)
    assert (resumable is not None) == bool(key)
    assert bool(files(tmp_path)) == bool(key)


@pytest.mark.parametrize("other", ["", KEY[::-1]])
def test_a_run_whose_key_is_not_here_says_so_and_waits_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    house = House(tmp_path)
    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
    monkeypatch.setenv("LANGGRAPH_AES_KEY", other)
    with house.tandem() as tandem:
        for act in (tandem.approve, tandem.runs.told):
            with pytest.raises(CheckpointError, match="another key"):
                act(run_id)
    monkeypatch.setenv("LANGGRAPH_AES_KEY", KEY)
    with house.tandem(ANSWER) as tandem:
        assert tandem.approve(run_id)["status"] == "accepted"
    assert house.noted == ["first"]


def test_of_a_short_sensitive_request_nothing_is_said(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(slm=["positive"]) as tandem:
        answer = tandem.run({**SENTIMENT, "sensitivity": "personal"})  # type: ignore[arg-type]
    assert not any("checkpoint" in reason for reason in answer["reasons"])


def test_a_sensitive_step_cannot_wait_without_a_key(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE), ANSWER, plan(NOTE), ANSWER) as tandem:
        tandem.services.fakes["llm"].private = True  # type: ignore[attr-defined]
        answer = tandem.run(REQUEST, task="agent", sensitivity="personal")
    assert answer["steps"][0]["status"] == "failed"
    assert answer["steps"][0]["code"] == "needs_approval"
    assert house.noted == []


def test_a_run_that_is_under_way_keeps_its_thread(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem() as tandem:
        saver = tandem.runs.saver
        assert saver is not None
        with saver.running("talk", "first", kept=True) as first:
            with pytest.raises(RunBusy, match="nothing was done"), saver.running("talk", "second"):
                pytest.fail("two at once")
            assert saver.writes("talk")
            # What is not kept has no checkpoints to lose, and is left where it is.
            first.kept = False
            with saver.running("talk", "second"):
                first.kept = True
            assert saver.seconds_at("talk") == 0.0
        assert saver.seconds_at("talk") == 0.0


def test_a_run_beyond_its_days_cannot_go_on(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
    house.settings["checkpoints"] = {"days": 1e-9}
    with house.tandem() as tandem:
        for act in (tandem.approve, tandem.resume):
            with pytest.raises(RunStateError, match=r"has ended \(expired\)"):
                act(run_id)
        (row,) = tandem.runs.listed()
        assert (row["state"], row["waits_for"]) == ("expired", [])
        assert [each["status"] for each in tandem.runs.told(run_id)["effects"]] == ["rejected"]
    assert house.noted == []


def test_a_database_that_breaks_leaves_the_run_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    house = House(tmp_path)
    with house.tandem(plan(NOTE)) as tandem:
        run_id = tandem.run(REQUEST, task="agent")["run_id"]
    with house.tandem(ANSWER) as tandem:
        inner: Any = tandem.runs.saver.inner  # type: ignore[union-attr]

        def full(*_: Any) -> Any:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(inner, "put", full)
            with pytest.raises(CheckpointError, match="disk is full"):
                tandem.approve(run_id)
        assert house.noted == ["first"]
        assert tandem.resume(run_id)["status"] == "accepted"
    assert house.noted == ["first"]


def test_an_own_checkpointer_keeps_what_has_a_thread(tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    own = InMemorySaver()
    house = House(tmp_path)
    with house.tandem(slm=["positive"] * 2, checkpointer=own) as tandem:
        tandem.run(SENTIMENT)  # type: ignore[arg-type]
        assert not own.storage
        tandem.run(SENTIMENT, thread_id="mine")  # type: ignore[arg-type]
        assert list(own.storage) == ["mine"]
    assert files(tmp_path) == []
