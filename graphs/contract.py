"""The contract's graph: read -> judge (open hypotheses), label (an untyped clause each), in
parallel -> conclude.

`read` asks no model: the head decides what it is sure of. It begins with the state that classify
left and ends with the attempt that quality_check is to judge, or with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from tandem.nodes.closing import Closing
from tandem.nodes.contract.conclude import Conclude
from tandem.nodes.contract.judge import JudgeItem
from tandem.nodes.contract.label import LabelClause
from tandem.nodes.contract.read import ReadContract
from tandem.nodes.contract.reading import Reader
from tandem.nodes.contract.state import ContractState
from tandem.nodes.contract.task import ContractReview
from tandem.nodes.state import Context
from tandem.services import Services


def build(
    services: Services,
) -> StateGraph[ContractState, Context, ContractState, ContractState]:
    """The graph over `services`."""

    @cache
    def task() -> ContractReview:
        return contract_review(services)

    builder = StateGraph(ContractState, Context)
    nodes: dict[str, Callable[..., dict[str, Any]]] = {
        "read": ReadContract(task),
        "judge": JudgeItem(services, task),
        "label": LabelClause(services),
        "conclude": Conclude(services, task),
    }
    for name, node in nodes.items():
        builder.add_node(name, Closing(services, node), input_schema=ContractState)
    builder.add_edge(START, "read")
    builder.add_conditional_edges("read", route_read, ["judge", "label", "conclude", END])
    builder.add_edge("judge", "conclude")
    builder.add_edge("label", "conclude")
    builder.add_edge("conclude", END)
    return builder


def contract_review(services: Services) -> ContractReview:
    """The task under the settings of `services`."""
    settings = services.settings
    own = settings.contracts
    return ContractReview(
        Reader(
            settings=own,
            read=services.document_text,
            checklist=settings.path(own.checklist) if own.checklist else None,
            head=settings.path(own.head) if own.head else None,
        )
    )


def route_read(state: ContractState) -> list[Send] | Literal["conclude", "__end__"]:
    """To a model with the open items and clauses, straight to the report, or out with an error."""
    if state.get("error"):
        return "__end__"
    asked = state["open"] if state["ask"] is not None else []
    sends = [Send("judge", {**_shared(state), "group": group}) for group in asked]
    sends += [Send("label", {**_shared(state), "clause": clause}) for clause in state["untyped"]]
    return sends or "conclude"


def _shared(state: ContractState) -> ContractState:
    """What binding a tier needs, and the contract as it was read: a kept run holds it once for each
    node that it is sent to, so neither the request nor what was done so far goes along."""
    return {
        "request": {"text": ""},
        "run_id": state["run_id"],
        "deadline": state["deadline"],
        "started": state["started"],
        "profile": state["profile"],
        "decision": state["decision"],
        "prepared": state["prepared"],
        "ask": state["ask"],
    }
