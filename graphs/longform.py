"""The graph of long texts: outline -> write (a section a step) -> finish.

It is a node of the main graph. Since a section is a step, a run that is kept (checkpoints.tasks)
goes on after a stop with the section that was next.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Literal, cast

from langgraph.graph import END, START, StateGraph

from tandem.nodes.closing import Closing
from tandem.nodes.longform.state import LongformState
from tandem.nodes.longform.steps import Finish, Outline, Write
from tandem.nodes.state import Context
from tandem.services import Services


def build(services: Services) -> StateGraph[LongformState, Context, LongformState, LongformState]:
    """The graph over `services`."""
    builder = StateGraph(LongformState, Context)
    nodes: dict[str, Callable[..., dict[str, Any]]] = {
        "outline": Outline(services),
        "write": Write(services),
        "finish": Finish(services),
    }
    for name, node in nodes.items():
        # Closing's own annotation would narrow the state to the main graph's keys.
        builder.add_node(name, Closing(services, node), input_schema=LongformState)
    builder.add_edge(START, "outline")
    ways: dict[Hashable, str] = {"write": "write", "finish": "finish", "end": END}
    builder.add_conditional_edges("outline", route_section, ways)
    builder.add_conditional_edges("write", route_section, ways)
    builder.add_edge("finish", END)
    return builder


def route_section(state: LongformState) -> Literal["write", "finish", "end"]:
    """Where the writing goes on: to the next section, to the end of the text, or out."""
    if state["next"] in ("write", "finish", "end"):
        return cast("Literal['write', 'finish', 'end']", state["next"])
    raise ValueError(f"writing cannot lead to {state['next']!r}")
