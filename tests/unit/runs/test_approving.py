"""Side effects wait for a person, and happen once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.app import Tandem
from tandem.errors import EgressBlocked, InvalidRequest, RunBusy, RunStateError, TandemError
from tandem.ledger import effects
from tandem.ledger.holding import hold
from tandem.ledger.kept import kept
from tandem.models.cancel import cancelled
from tandem.nodes.state import Context
from tandem.tools.base import ToolNotCalled, call_tool
from tests.unit.runs.house import ANSWER, NOTE, REQUEST, House, note_tool, plan

SECOND = {"tool": "note", "arguments": {"line": "second"}}
COUNT = {"tool": "count_text", "arguments": {"text": "first and second"}}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def begun(house: House, *steps: dict[str, Any], **more: Any) -> Any:
    """A run that waits, as its process left it."""
    with house.tandem(plan(*steps)) as tandem:
        answer = tandem.run(REQUEST, task="agent", **more)
    assert answer["status"] == "waiting"
    assert house.noted == []
    return answer


def statuses(answer: Any) -> dict[str, str]:
    return {step["id"]: step["status"] for step in answer["steps"]}


def test_a_run_waits_with_what_a_person_needs_to_see(house: House) -> None:
    answer = begun(house, NOTE)

    (asked,) = answer["approvals"]
    assert asked["tool"] == "note"
    assert asked["arguments"] == {"line": "first"}
    assert asked["run_id"] == answer["run_id"]
    assert asked["answers"] == ["approve", "reject"]
    assert answer["output"] is None
    assert answer["cost"] > 0
    assert answer["all_llm_cost"] == pytest.approx(answer["cost"])  # the LLM planned; no more yet
    assert answer["all_llm_estimated"]
    assert answer["error"] is None


def test_another_process_approves(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem(ANSWER) as tandem:
        answer = tandem.approve(run_id)

    assert answer["status"] == "accepted"
    assert statuses(answer) == {"s1": "done"}
    assert answer["steps"][0]["result"] == {"noted": "first"}
    assert house.noted == ["first"]


def test_another_process_rejects(house: House) -> None:
    run_id = begun(house, NOTE, COUNT)["run_id"]

    with house.tandem(ANSWER, plan(COUNT), ANSWER) as tandem:
        answer = tandem.reject(run_id)

    assert statuses(answer)["s1"] == "rejected"
    assert house.noted == []


def test_an_approval_given_twice_does_nothing(house: House) -> None:
    run_id = begun(house, NOTE, SECOND)["run_id"]

    with house.tandem(ANSWER) as tandem:
        answer = tandem.approve(run_id, "s1")
        assert answer["status"] == "waiting"
        with pytest.raises(RunStateError, match="decided before"):
            tandem.approve(run_id, "s1")
        assert house.noted == ["first"]
        assert tandem.approve(run_id, "s2")["status"] == "accepted"
        with pytest.raises(RunStateError, match="has ended"):
            tandem.approve(run_id, "s2")

    assert house.noted == ["first", "second"]


def test_two_questions_wait_at_once_and_are_told_apart(house: House) -> None:
    answer = begun(house, NOTE, SECOND)
    assert [each["step_id"] for each in answer["approvals"]] == ["s1", "s2"]

    with house.tandem(ANSWER) as tandem:
        with pytest.raises(RunStateError, match="not clear which"):
            tandem.approve(answer["run_id"])
        tandem.reject(answer["run_id"], "s1")
        ended = tandem.approve(answer["run_id"], "s2")

    assert statuses(ended) == {"s1": "rejected", "s2": "done"}
    assert house.noted == ["second"]


def test_a_yes_said_twice_does_not_hold_for_the_step_after(house: House) -> None:
    after = {"tool": "note", "arguments": {"line": "$s1.noted again"}}
    run_id = begun(house, NOTE, after)["run_id"]

    with house.tandem(ANSWER) as tandem:
        (asked,) = tandem.approve(run_id)["approvals"]
        assert asked["step_id"] == "s2"
        with pytest.raises(RunStateError, match="not clear which"):
            tandem.approve(run_id)
        assert house.noted == ["first"]
        assert tandem.approve(run_id, "s2")["status"] == "accepted"


def test_a_step_that_waits_for_nobody_is_named(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem() as tandem, pytest.raises(RunStateError, match="waits for nobody") as caught:
        tandem.approve(run_id, "s7")

    assert "s1" in caught.value.remedy


def test_an_approval_after_the_run_was_cancelled_does_nothing(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem() as tandem:
        tandem.cancel(run_id)
        for act in (tandem.approve, tandem.reject, tandem.resume, tandem.cancel):
            with pytest.raises(RunStateError, match=r"has ended \(cancelled\)"):
                act(run_id)

    assert house.noted == []


def test_two_workers_cannot_be_at_one_run(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem(ANSWER) as tandem:
        with hold(tandem.services.ledger, run_id):
            for act in (tandem.approve, tandem.resume, tandem.cancel):
                with pytest.raises(RunBusy, match="nothing was done"):
                    act(run_id)
        assert house.noted == []
        assert tandem.approve(run_id)["status"] == "accepted"


def test_of_many_approvals_at_once_one_counts(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]
    slow, start = house.tool, threading.Barrier(4)

    def run(arguments: Any) -> Any:
        time.sleep(0.1)
        return slow.run(arguments)

    house.tool = replace(slow, run=run)

    def approve(tandem: Tandem) -> str:
        start.wait()
        with tandem:
            try:
                return tandem.approve(run_id)["status"]
            except RunStateError as error:
                return error.code

    workers = [house.tandem(ANSWER) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(approve, workers))

    assert told.count("accepted") == 1
    assert set(told) <= {"accepted", "run_busy", "run_state"}
    assert house.noted == ["first"]


def test_a_run_that_is_unknown_cannot_go_on(house: House) -> None:
    with house.tandem() as tandem, pytest.raises(RunStateError, match="no run of that id"):
        tandem.resume("nobody")


def test_resuming_asks_again_where_nobody_decided(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem(ANSWER) as tandem:
        assert tandem.resume(run_id)["status"] == "waiting"
        assert tandem.approve(run_id)["status"] == "accepted"


def test_a_step_begun_by_a_process_that_died_is_asked_about_in_those_words(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem(ANSWER) as tandem:
        ledger = tandem.services.ledger
        assert effects.claim(ledger, run_id, "s1", 0)  # as the process did before it died
        answer = tandem.resume(run_id)
        (asked,) = answer["approvals"]
        assert asked["question"] == "may_have_happened"
        assert "may have happened" in asked["words"]
        with pytest.raises(RunStateError, match="may have happened"):
            tandem.approve(run_id)
        assert house.noted == []
        assert tandem.approve(run_id, again=True)["status"] == "accepted"

    assert house.noted == ["first"]


@pytest.mark.parametrize(("happened", "status"), [(True, "done"), (False, "unknown")])
def test_a_step_that_may_have_happened_is_not_repeated_unless_asked(
    house: House, happened: bool, status: str
) -> None:
    run_id = begun(house, NOTE, COUNT)["run_id"]

    with house.tandem(ANSWER, ANSWER) as tandem:
        effects.claim(tandem.services.ledger, run_id, "s1", 0)
        # No resume first: the ledger tells what the checkpoint does not know.
        act = tandem.approve(run_id, happened=True) if happened else tandem.reject(run_id)

    assert statuses(act)["s1"] == status
    assert house.noted == []


def test_what_was_done_before_the_checkpoint_was_written_is_not_done_again(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem(ANSWER) as tandem:
        ledger = tandem.services.ledger
        effects.claim(ledger, run_id, "s1", 0)
        effects.end(ledger, run_id, "s1", "done")
        with pytest.raises(RunStateError, match="decided before"):
            tandem.approve(run_id, "s1")
        answer = tandem.resume(run_id)

    assert answer["status"] == "accepted"
    assert statuses(answer) == {"s1": "done"}
    assert house.noted == []


@pytest.mark.parametrize("fault", [RuntimeError("no line left"), TimeoutError("slow")])
def test_a_tool_that_breaks_off_may_have_done_it(house: House, fault: Exception) -> None:
    house.tool = note_tool(house.file, fault)
    run_id = begun(house, NOTE, COUNT)["run_id"]

    with house.tandem(ANSWER, ANSWER) as tandem:
        answer = tandem.approve(run_id)

    assert statuses(answer)["s1"] == "unknown"
    assert house.noted == ["first"]


@pytest.mark.parametrize(
    ("fault", "plans"),
    [(EgressBlocked("It holds a card's number."), 1), (ToolNotCalled("The server is down."), 2)],
)
def test_only_what_another_plan_may_get_round_is_planned_again(
    house: House, fault: Exception, plans: int
) -> None:
    def run(_: Any) -> Any:
        raise fault

    house.tool = replace(house.tool, run=run)
    run_id = begun(house, NOTE, COUNT)["run_id"]
    with house.tandem(*[plan(COUNT)] * (plans - 1), ANSWER, ANSWER, ANSWER) as tandem:
        answer = tandem.approve(run_id)

    assert statuses(answer)["s1"] == "failed"
    assert str(fault) in answer["steps"][0]["error"]
    assert sum(attempt["purpose"] == "plan" for attempt in answer["attempts"]) == plans


def test_an_approved_step_has_what_is_left_of_the_runs_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    def call(tool: Any, arguments: Any, *, seconds: float, chars: int) -> Any:
        given.append(seconds)
        return call_tool(tool, arguments, seconds=seconds, chars=chars)

    monkeypatch.setattr("tandem.nodes.agent.effects.call_tool", call)
    run_id = begun(house, NOTE, deadline_ms=20_000)["run_id"]
    with house.tandem(ANSWER) as tandem:
        tandem.approve(run_id)
    assert len(given) == 1
    assert 5 < given[0] <= 16  # 0.8 of the time allowed, and not limits.tool_seconds


def test_an_approved_step_for_which_no_time_is_left_is_not_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.nodes.agent.effects.ends_at", lambda *_: time.time() - 1)
    run_id = begun(house, NOTE)["run_id"]
    with house.tandem(ANSWER, ANSWER, ANSWER) as tandem, suppress(TandemError):
        tandem.approve(run_id)
    row = effects.find(tandem.services.ledger, run_id, "s1")
    assert row is not None
    assert (row["status"], row["claims"]) == ("failed", 0)
    assert "limits.agent_seconds" in str(row["error_what"])
    assert house.noted == []


def died_after_the_effect(house: House) -> str:
    """A run whose first step was done by a process that died before it could say so."""
    run_id: str = begun(house, NOTE, COUNT)["run_id"]
    with house.tandem() as tandem:
        assert effects.claim(tandem.services.ledger, run_id, "s1", 0)
        house.tool.run({"line": "first"})
    return run_id


@pytest.mark.parametrize(
    "fault", [EgressBlocked("It holds a card's number."), ToolNotCalled("The server is down.")]
)
def test_a_second_try_that_did_nothing_does_not_tell_what_the_first_did(
    house: House, fault: Exception
) -> None:
    run_id = died_after_the_effect(house)

    def run(_: Any) -> Any:
        raise fault

    house.tool = replace(house.tool, run=run)
    # A second plan would ask for the effect anew.
    with house.tandem(ANSWER, plan(NOTE), ANSWER) as tandem:
        answer = tandem.approve(run_id, again=True)
    assert statuses(answer)["s1"] == "unknown"
    assert str(fault) in answer["steps"][0]["error"]
    assert sum(attempt["purpose"] == "plan" for attempt in answer["attempts"]) == 1


def test_what_may_have_happened_and_finds_no_time_to_be_repeated_stays_open(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = died_after_the_effect(house)
    monkeypatch.setattr("tandem.nodes.agent.effects.ends_at", lambda *_: time.time() - 1)
    with house.tandem(ANSWER, ANSWER, ANSWER) as tandem, suppress(TandemError):
        tandem.approve(run_id, again=True)
    row = effects.find(tandem.services.ledger, run_id, "s1")
    assert row is not None
    assert (row["status"], row["claims"]) == ("unknown", 1)
    assert "not done again" in str(row["error_what"])
    assert house.noted == ["first"]


def test_a_tool_that_heeds_its_cancelling_may_have_done_it(house: House) -> None:
    def run(_: Any) -> None:
        while not cancelled():
            time.sleep(0.005)

    house.tool = replace(house.tool, run=run)
    house.settings["limits"] = {"tool_seconds": 0.05}
    run_id = begun(house, NOTE, COUNT)["run_id"]
    with house.tandem(ANSWER, ANSWER) as tandem:
        answer = tandem.approve(run_id)
    assert statuses(answer)["s1"] == "unknown"


def test_an_answer_that_only_the_ledger_has_is_given_by_resuming(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = begun(house, NOTE)["run_id"]
    with house.tandem(ANSWER) as tandem:
        finish = tandem.services.ledger.finish

        def finish_and_die(*given: Any) -> None:
            finish(*given)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(tandem.services.ledger, "finish", finish_and_die)
            with pytest.raises(KeyboardInterrupt):
                tandem.approve(run_id)
    with house.tandem() as tandem:
        assert tandem.services.ledger.run(run_id)["status"] == "accepted"  # type: ignore[index]
        with pytest.raises(RunStateError, match="has ended"):
            tandem.approve(run_id)
        answer = tandem.resume(run_id)
        assert answer["status"] == "accepted"
        assert tandem.runs.answer(run_id) == answer
        with pytest.raises(RunStateError, match="has ended"):
            tandem.resume(run_id)

    assert house.noted == ["first"]


def test_without_a_checkpointer_the_step_ends_as_what_it_is(tmp_path: Path) -> None:
    house = House(tmp_path, checkpoints={"url": "off"})
    with house.tandem(plan(NOTE, COUNT), ANSWER, ANSWER) as tandem:
        answer = tandem.run(REQUEST, task="agent")

    assert statuses(answer)["s1"] == "failed"
    assert "approval" in answer["steps"][0]["error"]
    assert house.noted == []


def test_time_does_not_run_while_a_run_waits(house: House, monkeypatch: Any) -> None:
    run_id = begun(house, NOTE, deadline_ms=60_000)["run_id"]
    later = time.time() + 3600
    monkeypatch.setattr("time.time", lambda: later)
    with house.tandem(ANSWER) as tandem:
        answer = tandem.approve(run_id)

    assert answer["status"] == "accepted"
    assert answer["seconds"] < 60


def test_a_private_run_stays_private_when_it_goes_on(house: House) -> None:
    with house.tandem(plan(NOTE)) as tandem:
        tandem.services.fakes["llm"].private = True  # type: ignore[attr-defined]
        answer = tandem.run(REQUEST, task="agent", context=Context(private_only=True))
    with house.tandem(ANSWER, slm=[ANSWER] * 3) as tandem:
        tandem.approve(answer["run_id"])
        asked = tandem.services.fakes["llm"].prompts  # type: ignore[attr-defined]

    # Its LLM is public, and must not see what a private run found.
    assert asked == []


def test_a_run_says_where_it_is_kept_and_forgets_what_tools_gave(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]

    with house.tandem(ANSWER) as tandem:
        ledger = tandem.services.ledger
        note = kept(ledger, run_id)
        assert note is not None
        assert note["thread_id"] == run_id
        tandem.approve(run_id)
        row = effects.find(ledger, run_id, "s1")

    assert row is not None
    assert row["status"] == "done"
    assert row["result"] is None


def test_another_run_on_the_thread_ends_the_first(house: House) -> None:
    run_id = begun(house, NOTE, thread_id="talk")["run_id"]
    begun(house, NOTE, thread_id="talk")

    with house.tandem() as tandem, pytest.raises(RunStateError, match="thread"):
        tandem.approve(run_id)


def test_a_run_that_another_process_keeps_from_beginning_leaves_no_open_row(house: House) -> None:
    with house.tandem(plan(NOTE)) as tandem:
        ledger = tandem.services.ledger
        with hold(ledger, "talk"), pytest.raises(RunBusy):
            tandem.run(REQUEST, task="agent", thread_id="talk", context=Context(run_id="late"))
        row = ledger.run("late")
    assert row is not None
    assert (row["status"], row["error_code"]) == ("failed", "run_busy")


def test_again_and_happened_cannot_both_be_meant(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]
    with house.tandem(ANSWER) as tandem:
        effects.claim(tandem.services.ledger, run_id, "s1", 0)
        with pytest.raises(InvalidRequest, match="nothing was done"):
            tandem.approve(run_id, again=True, happened=True)
    assert house.noted == []


def test_a_stream_ends_with_what_it_waits_for(house: House) -> None:
    with house.tandem(plan(NOTE)) as tandem:
        *_, last = tandem.stream(REQUEST, task="agent")

    assert last["event"] == "answer"
    assert last["answer"]["status"] == "waiting"


def test_a_tool_that_is_not_here_loses_nothing(house: House) -> None:
    run_id = begun(house, NOTE)["run_id"]
    known = house.tool
    house.tool = replace(known, name="other")
    with house.tandem(ANSWER) as tandem, pytest.raises(RunStateError, match="nothing is lost"):
        tandem.approve(run_id)
    house.tool = known
    with house.tandem(ANSWER) as tandem:
        assert tandem.approve(run_id)["status"] == "accepted"
