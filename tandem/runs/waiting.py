"""What a paused run has come to, and what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from langgraph.types import StateSnapshot

from tandem.ledger import effects
from tandem.ledger.store import Ledger
from tandem.nodes.accounting import all_llm_cost, llm_price, total_cost
from tandem.nodes.agent.approval import renewed
from tandem.nodes.agent.dispatch import taken_in
from tandem.nodes.agent.state import AgentState
from tandem.records import Answer, Approval
from tandem.services import Services

SO_FAR: Final = "cost, all-LLM cost and seconds are those of what was done so far"


@dataclass(frozen=True)
class Pending:
    """A question that waits for a person.

    Parameters
    ----------
    interrupt_id: by which LangGraph knows it.
    """

    interrupt_id: str
    approval: Approval


def pending(snapshot: StateSnapshot, ledger: Ledger) -> list[Pending]:
    """The questions of a paused run, as the ledger's rows make them now; those that were decided
    since are left out."""
    found = []
    for each in snapshot.interrupts:
        if not (isinstance(each.value, Mapping) and "step_id" in each.value):
            continue  # an application's own node asked
        asked = cast("Approval", dict(each.value))
        row = effects.find(ledger, asked["run_id"], asked["step_id"])
        if row is None or row["status"] not in effects.ENDED:
            found.append(Pending(each.id, renewed(asked, row) if row else asked))
    # Parallel steps come to their questions in any order.
    return sorted(found, key=lambda one: (len(one.approval["step_id"]), one.approval["step_id"]))


def waiting_answer(
    services: Services, state: AgentState, waits: list[Pending], seconds: float
) -> Answer:
    """The answer of a run that is not over: what was done, what that cost, and what it asks.

    Parameters
    ----------
    state: what it has `reached`.
    seconds: that it was worked at.
    """
    profile, decision = state["profile"], state["decision"]
    approvals = [each.approval for each in waits]
    asked = [f"waits for a person: {each['step_id']} ({each['tool']})" for each in approvals]
    return {
        "run_id": state["run_id"],
        "status": "waiting",
        "output": None,
        "draft": None,
        "task": profile["task"],
        "tier": None,
        "model": "",
        "attempts": state["attempts"],
        "verdicts": state["verdicts"],
        "cost": total_cost(state),
        "all_llm_cost": all_llm_cost(state, partial(llm_price, services, profile["task"])).cost,
        "all_llm_estimated": True,
        "seconds": seconds,
        "profile": profile,
        "steps": state["steps"],
        "reasons": [*profile["reasons"], *decision["reasons"], *asked, SO_FAR],
        "error": None,
        "approvals": approvals,
    }


def reached(snapshot: StateSnapshot) -> AgentState:
    """The state of a paused run, with what its agent did so far."""
    values: dict[str, Any] = dict(snapshot.values)
    for task in snapshot.tasks:
        if isinstance(task.state, StateSnapshot):
            values |= task.state.values
            values["results"] = [*values.get("results", []), *_written(task.state, "results")]
            values["made"] = [*values.get("made", []), *_written(task.state, "made")]
            values["spent"] = [*values.get("spent", []), *_written(task.state, "spent")]
    state = cast("AgentState", values)
    return cast("AgentState", {**values, **taken_in(state)})


def _written(snapshot: StateSnapshot, key: str) -> list[Any]:
    """What tasks wrote that ended while others still wait."""
    return [
        item
        for task in snapshot.tasks
        if isinstance(task.result, Mapping)
        for item in task.result.get(key, [])
    ]
