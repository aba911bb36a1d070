"""The agent's graph: plan -> dispatch -> fill, act, approve (several at a time) -> dispatch ->
synthesise, with at most one more plan where steps failed.

It is a node of the main graph. It begins with the state that classify left, and ends with the
attempt that quality_check is to judge, or with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from tandem.nodes.agent.act import Act
from tandem.nodes.agent.approve import Approve
from tandem.nodes.agent.dispatch import Dispatch
from tandem.nodes.agent.fill import Fill
from tandem.nodes.agent.plan import Plan
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.synthesise import Synthesise
from tandem.nodes.agent.tools import Subtasks, Toolbox
from tandem.nodes.closing import Closing
from tandem.nodes.state import Context
from tandem.services import Services
from tandem.tools.base import Tool

WORKERS: Final = ("fill", "act", "approve")
"""Each works on one step, and several at the same time."""


def build(
    services: Services, subtasks: Subtasks, tools: Sequence[Tool] = ()
) -> StateGraph[AgentState, Context, AgentState, AgentState]:
    """The graph over `services`.

    Parameters
    ----------
    subtasks: runs a request under an agent's run.
    tools: the application's own, beside the shipped ones.
    """
    toolbox = Toolbox(services, subtasks, tuple(tools))
    builder = StateGraph(AgentState, Context)
    nodes: dict[str, Callable[..., dict[str, Any]]] = {
        "plan": Plan(services, toolbox),
        "dispatch": Dispatch(services, toolbox),
        "fill": Fill(services, toolbox),
        "act": Act(services, toolbox),
        "approve": Approve(services, toolbox),
        "synthesise": Synthesise(services),
    }
    for name, node in nodes.items():
        # Closing's own annotation would narrow the state to the main graph's keys.
        builder.add_node(name, Closing(services, node), input_schema=AgentState)
    builder.add_edge(START, "plan")
    planned: dict[Hashable, str] = {"dispatch": "dispatch", "synthesise": "synthesise", "end": END}
    builder.add_conditional_edges("plan", route_plan, planned)
    ways = [*WORKERS, "plan", "synthesise"]
    builder.add_conditional_edges("dispatch", route_dispatch, ways)
    for worker in WORKERS:
        builder.add_edge(worker, "dispatch")
    builder.add_edge("synthesise", END)
    return builder


def route_plan(state: AgentState) -> Literal["dispatch", "synthesise", "end"]:
    """Where the agent goes once it has planned: to its steps; to the answer, where there is no
    second plan; out with an error, where there is no first one."""
    match state["next"]:
        case "dispatch":
            return "dispatch"
        case "synthesise":
            return "synthesise"
        case "end":
            return "end"
    raise ValueError(f"plan cannot lead to {state['next']!r}")


def route_dispatch(state: AgentState) -> list[Send] | Literal["plan", "synthesise"]:
    """Where the agent goes on: to steps that can be carried out now, to a second plan, or to the
    answer."""
    match state["next"]:
        case "send":
            return [
                Send(sending["node"], {**state, "step": sending["step"]})
                for sending in state["sendings"]
            ]
        case "plan":
            return "plan"
        case "synthesise":
            return "synthesise"
    raise ValueError(f"dispatch cannot lead to {state['next']!r}")
