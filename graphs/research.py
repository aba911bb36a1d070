"""The graph of research: ask -> search -> read, a passage each, in parallel -> conclude, which may
lead back to search once.

It is a node of the main graph. It begins with the state that classify left, and ends with the
attempt that quality_check is to judge, or with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from tandem.nodes.closing import Closing
from tandem.nodes.research.ask import Ask
from tandem.nodes.research.conclude import Conclude
from tandem.nodes.research.read import Read
from tandem.nodes.research.records import ReaderState, ResearchState
from tandem.nodes.research.search import Search
from tandem.nodes.state import Context
from tandem.services import Services


def build(services: Services) -> StateGraph[ResearchState, Context, ResearchState, ResearchState]:
    """The graph over `services`."""
    builder = StateGraph(ResearchState, Context)
    nodes: dict[str, Callable[..., dict[str, Any]]] = {
        "ask": Ask(services),
        "search": Search(services),
        "conclude": Conclude(services),
    }
    for name, node in nodes.items():
        # Closing's own annotation would narrow the state to the main graph's keys.
        builder.add_node(name, Closing(services, node), input_schema=ResearchState)
    builder.add_node("read", Closing(services, Read(services)), input_schema=ReaderState)
    builder.add_edge(START, "ask")
    builder.add_conditional_edges("ask", route, {"search": "search", "end": END})
    builder.add_conditional_edges("search", route_search, ["read", "conclude", END])
    builder.add_edge("read", "conclude")
    builder.add_conditional_edges("conclude", route, {"search": "search", "end": END})
    return builder


def route(state: ResearchState) -> Literal["search", "end"]:
    """Where asking and concluding lead: to a search, or out."""
    match state["next"]:
        case "search":
            return "search"
        case "end":
            return "end"
    raise ValueError(f"research cannot lead to {state['next']!r}")


def route_search(state: ResearchState) -> list[Send] | str:
    """Where a search leads: to a reader for each passage, to the conclusion, or out."""
    match state["next"]:
        case "read":
            return [Send("read", _reader_state(state, at)) for at in range(len(state["jobs"]))]
        case "conclude":
            return "conclude"
        case "end":
            return END
    raise ValueError(f"search cannot lead to {state['next']!r}")


def _reader_state(state: ResearchState, at: int) -> ReaderState:
    """What binding a tier needs, and the job: neither the documents nor the other passages."""
    return {
        "request": {"text": ""},
        "run_id": state["run_id"],
        "deadline": state["deadline"],
        "profile": state["profile"],
        "decision": state["decision"],
        "job": state["jobs"][at],
    }
