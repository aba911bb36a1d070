from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

import pytest
from langgraph.runtime import Runtime

from tandem.errors import ModelUnavailable
from tandem.nodes.accounting import all_llm_cost, total_cost
from tandem.nodes.agent.act import Act
from tandem.nodes.agent.plan import Plan
from tandem.nodes.state import Context, State
from tandem.nodes.agent.synthesise import Synthesise
from tandem.records import Answer, Decision, Delegated, Profile, Request
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


def carry_out(tmp_path: Path, *llm: Any) -> tuple[State, list[str], list[Any]]:
    """Plan, act and synthesise as the graph does; the state, the ledger and what was streamed."""
    services = FakeServices(tmp_path, llm=llm)
    ledger = services.__dict__["ledger"] = Ledger()
    streamed: list[Any] = []
    runtime = Runtime(context=Context(), stream_writer=streamed.append)
    state = State(
        request={"text": f"Sentiment, words, and twice the words? {REVIEW}"},
        run_id="run",
        deadline=time.time() + 60,
        profile=cast("Profile", {"task": "agent", "sensitivity": "none"}),
        decision=cast("Decision", {"tier": "llm"}),
        attempts=[],
        steps=[],
        delegated=[],
    )
    nodes: dict[str, Any] = {
        "plan": Plan(services, subtasks),
        "act": Act(services, subtasks),
        "synthesise": Synthesise(services),
    }
    following = "plan"
    while following in nodes:
        update = nodes[following](state, runtime)
        state.update(update)
        following = update.get("next", "quality_check")
    return state, ledger.purposes, streamed


def test_plan_act_synthesise(tmp_path: Path) -> None:
    state, purposes, streamed = carry_out(tmp_path, json.dumps(PLAN), json.dumps(ANSWER))
    assert [step["status"] for step in state["steps"]] == ["done"] * 3
    assert state["steps"][2]["result"] == 14
    assert state["attempts"][-1]["output"] == ANSWER
    assert state["prepared"]["steps"] == state["steps"]
    assert purposes == ["plan", "synthesise"]
    own = sum(attempt["cost"] for attempt in state["attempts"])
    assert total_cost(state) == pytest.approx(own + 0.5)
    assert all_llm_cost(state, lambda usage: 1.0) == (pytest.approx(own + 2.0), True)
    assert streamed == [
        {"plan": {"s1": "sentiment", "s2": "count_text", "s3": "calculate"}},
        *({"step": {"id": name, "status": "done"}} for name in ("s1", "s2", "s3")),
    ]
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
    assert state["next"] == "quality_check"
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
    assert all_llm_cost(state, lambda usage: 1.0) == (pytest.approx(own + 2.0), True)
