"""`tandem runs` on runs that wait."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import tandem.app
from tandem.ledger import effects
from tandem.ledger.holding import hold
from tests.unit.cli.shell import Run
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, plan

Begin = Callable[..., str]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Its models answer whatever command is run: first the plan, then the answer."""
    made = House(tmp_path)
    monkeypatch.setattr(tandem.app, "Tandem", lambda _settings: made.tandem(*made.replies))
    return made


@pytest.fixture
def begun(house: House) -> Begin:
    """Begins a run that waits; its id."""

    def begin(*steps: dict[str, Any]) -> str:
        with house.tandem(plan(*(steps or (NOTE,)))) as made:
            answer = made.run(REQUEST, task="agent")
        house.replies = (ANSWER, ANSWER)
        return answer["run_id"]

    return begin


def test_ask_says_what_it_waits_for_and_how_to_go_on(run: Run, house: House) -> None:
    house.replies = (plan(NOTE),)
    told = run("ask", REQUEST, "--task", "agent")

    assert told.code == 5
    assert told.out == ""
    assert '"line": "first"' in told.err
    assert "tandem runs approve" in told.err
    assert "waiting" in told.err


def test_what_is_asked_cannot_hide_or_dress_up(run: Run, house: House) -> None:
    planted = "50 \x1b[2K\x9b1A\u202e0005\u200b \u00e9"
    house.replies = (plan({"tool": "note", "arguments": {"line": planted}}),)
    told = run("ask", REQUEST, "--task", "agent").err

    assert not {"\x1b", "\x9b", "\u202e", "\u200b"} & set(told)
    assert "\\u202e0005\\u200b \u00e9" in told


def test_a_run_is_listed_shown_and_approved(run: Run, house: House, begun: Begin) -> None:
    run_id = begun()

    listed = run("runs", "list")
    assert listed.code == 0
    assert run_id in listed.out
    assert "waiting s1" in listed.out
    shown = run("runs", "show", run_id)
    assert "s1 note: asked" in shown.out
    assert f"tandem runs reject {run_id} s1" in shown.err
    approved = run("runs", "approve", run_id)
    assert (approved.code, approved.out) == (0, "It was noted.\n")
    assert house.noted == ["first"]
    assert "accepted" in run("runs", "list").out
    assert run("runs", "list", "--open").out.startswith("No run")
    shown = run("runs", "show", run_id)
    assert shown.out.endswith("It was noted.\n")
    assert f"tandem runs fork {run_id} STEP begins anew at one of: s1" in shown.err
    assert "llm answer accepted" in shown.err


def test_show_counts_no_waiting_and_says_since_when(run: Run, begun: Begin) -> None:
    run_id = begun()
    with mock.patch("time.time", return_value=time.time() + 7200):
        told = run("runs", "show", run_id)
    assert "waits for a person since" in told.out
    assert re.search(r"waiting by nobody in [0-5]\.\d\d s", told.err)
    assert "done so far" in told.err


def test_show_suggests_nothing_that_would_be_refused(run: Run, house: House, begun: Begin) -> None:
    run_id = begun()
    house.tool = replace(house.tool, name="other")
    told = run("runs", "show", run_id)
    assert '"line": "first"' in told.err
    assert "tandem runs approve" not in told.err
    assert "not known here (note)" in told.err
    assert "application that brings them" in told.err
    assert json.loads(run("runs", "show", run_id, "--json").out)["obstacle"]
    refused = run("runs", "approve", run_id)
    assert refused.code == 2
    assert "'note'" in refused.err


def test_show_tells_why_no_tool_can_be_had(
    run: Run, house: House, begun: Begin, tmp_path: Path
) -> None:
    run_id = begun()
    house.settings["mcp"] = {"servers": {"tiny": {"command": "c", "tools": ["t"]}}}
    (tmp_path / ".tandem").mkdir(exist_ok=True)
    (tmp_path / ".tandem" / "mcp.json").write_text("nonsense")
    told = run("runs", "show", run_id)
    assert told.code == 0
    assert "no list of accepted MCP tools" in told.err
    assert "tandem runs approve" not in told.err


def test_show_says_that_another_worker_is_at_it(run: Run, house: House, begun: Begin) -> None:
    run_id = begun()
    with house.tandem() as made, hold(made.services.ledger, run_id):
        told = run("runs", "show", run_id)
    assert "working" in told.out
    assert "tandem runs approve" not in told.err
    assert "Another worker is at it" in told.err


def test_what_another_run_on_its_thread_overtook_can_be_cancelled(run: Run, house: House) -> None:
    house.replies = (plan(NOTE), plan(NOTE))
    with house.tandem(plan(NOTE), plan(NOTE)) as made:
        first, _ = (made.run(REQUEST, task="agent", thread_id="talk") for _ in range(2))
    run_id = first["run_id"]
    told = run("runs", "show", run_id)
    assert "can only be cancelled" in told.err
    assert run("runs", "resume", run_id).code == 2
    assert run("runs", "cancel", run_id).code == 0


def test_purge_leaves_what_is_at_work(run: Run, house: House, begun: Begin) -> None:
    run_id = begun()
    house.settings["checkpoints"] = {"days": 1e-9}
    with house.tandem() as made, hold(made.services.ledger, run_id):
        told = run("runs", "purge")
        assert "1 are being worked at, and stay" in told.out
    assert run("runs", "list", "--open").out.count(run_id) == 1
    run("runs", "purge")
    assert "expired" in run("runs", "list").out


def test_json_is_for_programs(run: Run, begun: Begin) -> None:
    run_id = begun()

    (listed,) = json.loads(run("runs", "list", "--json").out)
    assert (listed["run_id"], listed["state"], listed["waits_for"]) == (run_id, "waiting", ["s1"])
    shown = json.loads(run("runs", "show", run_id, "--json").out)
    assert shown["answer"]["approvals"][0]["arguments"] == {"line": "first"}


def test_a_rejected_step_is_not_done(run: Run, house: House, begun: Begin) -> None:
    told = run("runs", "reject", begun(), "s1", "--json")

    assert json.loads(told.out)["steps"][0]["status"] == "rejected"
    assert house.noted == []


def test_a_step_that_may_have_happened_takes_a_word_more(
    run: Run, house: House, begun: Begin
) -> None:
    run_id = begun()
    with house.tandem() as made:
        effects.claim(made.services.ledger, run_id, "s1", 0)

    told = run("runs", "approve", run_id)
    assert told.code == 2
    assert "may have happened" in told.err
    assert house.noted == []
    assert "--happened" in run("runs", "resume", run_id).err
    assert run("runs", "approve", run_id, "--again").code == 0
    assert house.noted == ["first"]


def test_a_cancelled_run_stays_cancelled(run: Run, house: House, begun: Begin) -> None:
    run_id = begun()

    assert run("runs", "cancel", run_id).code == 0
    told = run("runs", "approve", run_id)
    assert told.code == 2
    assert "cancelled" in told.err
    assert "cancelled" in run("runs", "list").out
    assert house.noted == []


def test_a_fork_is_a_run_of_its_own(run: Run, house: House, begun: Begin) -> None:
    run_id = begun()
    run("runs", "approve", run_id)

    told = run("runs", "fork", run_id, "s1")
    assert told.code == 5
    assert f"fork of {run_id}" in run("runs", "list").out
    assert house.noted == ["first"]


@pytest.mark.parametrize("words", [("resume",), ("show",), ("approve",), ("reject",), ("cancel",)])
@pytest.mark.usefixtures("house")
def test_a_run_that_is_unknown_is_told(run: Run, words: tuple[str, ...]) -> None:
    told = run("runs", *words, "nobody")
    assert told.code == 2
    assert "no run of that id" in told.err


@pytest.mark.usefixtures("house")
def test_nothing_is_there_to_begin_with(run: Run) -> None:
    assert run("runs", "list").out.startswith("No run is kept here")
    assert run("runs", "purge").out == "0 runs' checkpoints deleted.\n"


def test_a_batch_takes_in_what_was_decided_since(run: Run, house: House, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "a", "text": REQUEST, "task": "agent"}))
    house.replies = (plan(NOTE),)
    told = run("run", "in.jsonl", "out.jsonl")
    assert told.code == 5
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row["status"] == "waiting"

    house.replies = ()
    assert run("run", "in.jsonl", "out.jsonl").code == 5  # nothing is asked anew
    house.replies = (ANSWER,)
    assert run("runs", "approve", row["run_id"]).code == 0
    assert run("run", "in.jsonl", "out.jsonl").code == 0
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert (row["status"], row["output"]["text"]) == ("accepted", "It was noted.")
    assert house.noted == ["first"]
