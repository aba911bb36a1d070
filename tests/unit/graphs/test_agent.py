from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from tandem.errors import ModelUnavailable
from tandem.graphs.agent import build, route_dispatch, route_plan
from tandem.nodes.accounting import all_llm_cost, total_cost
from tandem.nodes.state import Context, State
from tandem.records import Answer, Decision, Delegated, Profile, Request
from tandem.tools.base import Tool, parameters
from tests.unit.services import FakeServices

REVIEW = "A slow film, but a lovely end."
PLAN = {
    "s1": {"tool": "sentiment", "arguments": {"text": REVIEW}},
    "s2": {"tool": "count_text", "arguments": {"text": REVIEW}},
    "s3": {"tool": "calculate", "arguments": {"expression": "$s2.words * 2"}},
}
ANSWER = {"text": "It is positive and has 7 words; twice that is 14.", "citations": []}


class Ledger:
    """Keeps the purposes of the attempts it was given."""

    def __init__(self) -> None:
        self.purposes: list[str] = []

    def add_attempt(self, run_id: str, attempt: Any) -> None:
        assert run_id == "run"
        self.purposes.append(attempt["purpose"])


def subtasks(parent: State, context: Context, delegated: list[Delegated]) -> Any:
    def run(request: Request) -> Answer:
        assert request["task"] == "sentiment"
        delegated.append(
            {
                "run_id": "sub",
                "task": "sentiment",
                "cost": 0.5,
                "all_llm_cost": 2.0,
                "all_llm_estimated": True,
            }
        )
        return cast("Answer", {"status": "accepted", "output": {"label": "positive"}})

    return run


def carry_out(tmp_path: Path, *llm: Any, **more: Any) -> tuple[Any, list[str], list[Any]]:
    """Run the agent's graph alone; its last state, the ledger and what was streamed."""
    services = FakeServices(tmp_path, llm=llm, slm=more.pop("slm", ()))
    ledger = services.__dict__["ledger"] = Ledger()
    graph = build(services, subtasks, more.pop("tools", ())).compile()
    streamed: list[Any] = []
    last: Any = None
    modes: Any = ["values", "custom"]
    for mode, chunk in graph.stream(begun(**more), context=Context(), stream_mode=modes):
        if mode == "custom":
            streamed.append(chunk)
        else:
            last = chunk
    return last, ledger.purposes, streamed


def begun(text: str = f"Sentiment, words, and twice the words? {REVIEW}") -> Any:
    """The state that classify leaves."""
    return State(
        request={"text": text},
        run_id="run",
        started=time.time(),
        deadline=time.time() + 60,
        profile=cast("Profile", {"task": "agent", "sensitivity": "none"}),
        decision=cast("Decision", {"tier": "llm"}),
        attempts=[],
        steps=[],
        delegated=[],
    )


def test_plan_act_synthesise(tmp_path: Path) -> None:
    state, purposes, streamed = carry_out(tmp_path, json.dumps(PLAN), json.dumps(ANSWER))
    assert [step["status"] for step in state["steps"]] == ["done"] * 3
    assert state["steps"][2]["result"] == 14
    assert state["attempts"][-1]["output"] == ANSWER
    assert state["prepared"]["steps"] == state["steps"]
    assert purposes == ["plan", "synthesise"]
    own = sum(attempt["cost"] for attempt in state["attempts"])
    assert total_cost(state) == pytest.approx(own + 0.5)
    assert all_llm_cost(state, lambda attempt: 1.0) == (pytest.approx(own + 2.0), True)
    assert streamed[0] == {"plan": {"s1": "sentiment", "s2": "count_text", "s3": "calculate"}}
    assert streamed[-1] == {"step": {"id": "s3", "status": "done"}}
    assert len(streamed) == 4
    json.dumps(state)


@pytest.mark.parametrize(
    ("replies", "code"),
    [([ModelUnavailable("down")], "model_unavailable"), (["{}"] * 3, "model")],
)
def test_without_a_plan_the_run_ends_with_the_error(
    tmp_path: Path, replies: list[Any], code: str
) -> None:
    state, purposes, _ = carry_out(tmp_path, *replies)
    error = state["error"]
    assert error is not None
    assert error["code"] == code
    assert state["attempts"][-1]["error"] == error
    assert purposes == ["plan"]


def test_an_llm_that_fails_at_the_end_leaves_the_steps_and_the_error(tmp_path: Path) -> None:
    state, purposes, _ = carry_out(tmp_path, json.dumps(PLAN), ModelUnavailable("down"))
    assert [step["status"] for step in state["steps"]] == ["done"] * 3
    error = state["attempts"][-1]["error"]
    assert error is not None
    assert error["code"] == "model_unavailable"
    assert purposes == ["plan", "synthesise"]
    own = sum(attempt["cost"] for attempt in state["attempts"])
    assert total_cost(state) == pytest.approx(own + 0.5)
    assert all_llm_cost(state, lambda attempt: 1.0) == (pytest.approx(own + 2.0), True)


def test_independent_steps_run_at_the_same_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=10)
    meet = Tool("meet", "meets", parameters({"who": {"type": "string"}}), lambda _: both.wait() * 0)
    plan = {
        "s1": {"tool": "meet", "arguments": {"who": "a"}},
        "s2": {"tool": "meet", "arguments": {"who": "b"}},
    }
    answer = {"text": "They met.", "citations": []}
    state, _, _ = carry_out(tmp_path, json.dumps(plan), json.dumps(answer), tools=[meet])
    assert [step["status"] for step in state["steps"]] == ["done", "done"]


def test_a_step_with_side_effects_is_not_carried_out_unseen(tmp_path: Path) -> None:
    sent: list[Any] = []
    send = Tool(
        "send", "sends", parameters({"text": {"type": "string"}}), sent.append, side_effects=True
    )
    plan = {
        "s1": {"tool": "calculate", "arguments": {"expression": "2 + 3"}},
        "s2": {"tool": "send", "arguments": {"text": "It is $s1."}},
    }
    answer = {"text": "It is 5.", "citations": []}
    text = "Send 2 + 3."
    replies = (json.dumps(plan), json.dumps(answer))
    state, _, _ = carry_out(tmp_path, *replies, tools=[send], text=text)
    step = state["steps"][1]
    assert (step["status"], step["code"], step["tainted"]) == ("failed", "needs_approval", True)
    assert step["arguments"] == {"text": "It is 5."}
    assert sent == []


def test_routers_refuse_what_they_do_not_know() -> None:
    for router in (route_plan, route_dispatch):
        with pytest.raises(ValueError, match="cannot lead"):
            router({"request": {"text": ""}, "next": "nowhere"})
