"""The main graph: classify -> a task's node -> quality_check -> record, or first escalate (LLM) or,
where the LLM must not see it, retry_slm.

`builder` and `graph` at the end are for whoever runs it: `langgraph dev`, `Tandem`, or one's own
code. The graph is compiled bare; checkpointer and store are given by its host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from langgraph.graph import END, START, StateGraph

from tandem.graphs.private_graph import Builder
from tandem.graphs.subtasks import Subtasks
from tandem.graphs.tasks import SLM_NODES, Tasks
from tandem.nodes.agent.act import Act
from tandem.nodes.classify import Classify
from tandem.nodes.closing import Closing
from tandem.nodes.escalate import Escalate
from tandem.nodes.agent.plan import Plan
from tandem.nodes.quality_check import QualityCheck
from tandem.nodes.record import Record
from tandem.nodes.retry_slm import RetrySlm
from tandem.nodes.run_task import RunTask
from tandem.nodes.shadow import Shadow
from tandem.nodes.state import State
from tandem.nodes.agent.synthesise import Synthesise
from tandem.nodes.task import Task
from tandem.services import Services
from tandem.tools.base import Tool

SubGraph = Callable[[Services], StateGraph[Any, Any, Any, Any]]
"""Builds the graph of a task that takes more than one step: it begins with the state that
classify left, and ends with `prepared` and the last of `attempts` to be judged, or an `error`."""

SUBGRAPHS: Final[Mapping[str, SubGraph]] = {}
"""By the node that the task names (Task.node)."""


def build(services: Services, tasks: Sequence[Task] = (), tools: Sequence[Tool] = ()) -> Builder:
    """The graph over `services`, with an application's own tasks and tools beside the shipped."""
    table = Tasks(services, tasks)
    builder = Builder(services)
    nodes = [*SLM_NODES, "reason", *(task.node for task in table.own)]
    _add_nodes(builder, services, table, nodes, tools)
    builder.add_edge(START, "classify")
    for name, subgraph in SUBGRAPHS.items():
        builder.add_node(name, subgraph(services).compile(name=name))
    ways = [*nodes, *SUBGRAPHS, "plan", "record"]
    builder.add_conditional_edges("classify", route_task, ways)
    for node in [*nodes, *SUBGRAPHS]:
        builder.add_edge(node, "quality_check")
    builder.add_conditional_edges("quality_check", route_verdict)
    builder.add_edge("escalate", "quality_check")
    builder.add_edge("retry_slm", "quality_check")
    builder.add_conditional_edges("plan", route_plan)
    builder.add_conditional_edges("act", route_step)
    builder.add_edge("synthesise", "quality_check")
    builder.add_edge("record", END)
    return builder


def _add_nodes(
    builder: Builder, services: Services, table: Tasks, nodes: Sequence[str], tools: Sequence[Tool]
) -> None:
    subtasks, run_task = Subtasks(builder), RunTask(services, table)
    steps: dict[str, Callable[..., dict[str, Any]]] = {
        "classify": Classify(services, table),
        **dict.fromkeys(nodes, run_task),
        "plan": Plan(services, subtasks, tuple(tools)),
        "act": Act(services, subtasks, tuple(tools)),
        "synthesise": Synthesise(services),
        "quality_check": QualityCheck(services, table),
        "escalate": Escalate(services, table),
        "retry_slm": RetrySlm(services, table),
        "record": Record(services, Shadow(services, table)),
    }
    for name, step in steps.items():
        builder.add_node(name, Closing(services, step))


def route_task(state: State) -> str:
    """The node that classify decided on (checked against the edges of the graph)."""
    return state["next"]


def route_verdict(state: State) -> Literal["escalate", "retry_slm", "record"]:
    """Where quality_check sends the run."""
    match state["next"]:
        case "retry_slm":
            return "retry_slm"
        case "escalate":
            return "escalate"
        case "record":
            return "record"
    raise ValueError(f"quality_check cannot lead to {state['next']!r}")


def route_plan(state: State) -> Literal["act", "quality_check"]:
    """Where the agent goes once it has planned: to its first step, or out with an error."""
    match state["next"]:
        case "act":
            return "act"
        case "quality_check":
            return "quality_check"
    raise ValueError(f"plan cannot lead to {state['next']!r}")


def route_step(state: State) -> Literal["act", "synthesise"]:
    """Where the agent goes on: to its next step, or to the answer."""
    match state["next"]:
        case "act":
            return "act"
        case "synthesise":
            return "synthesise"
    raise ValueError(f"act cannot lead to {state['next']!r}")


builder = build(Services())
graph = builder.compile(name="hybrid")
