"""The main graph: classify -> a task's node -> quality_check -> record, or first escalate (LLM) or,
where the LLM must not see it, retry_slm.

`builder` and `graph` at the end are for whoever runs it: `langgraph dev`, `Tandem`, or one's own
code. The graph is compiled bare; checkpointer and store are given by its host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

from langgraph.graph import END, START, StateGraph

from tandem.graphs import agent, contract, longform, research
from tandem.graphs.private_graph import Builder
from tandem.graphs.subtasks import Subtasks
from tandem.graphs.tasks import SLM_NODES, Tasks
from tandem.nodes.classify import Classify
from tandem.nodes.closing import Closing
from tandem.nodes.escalate import Escalate
from tandem.nodes.quality_check import QualityCheck
from tandem.nodes.record import Record
from tandem.nodes.retry_slm import RetrySlm
from tandem.nodes.run_task import RunTask
from tandem.nodes.shadow import Shadow
from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.services import Services
from tandem.tools.base import Tool

SubGraph = Callable[[Services], StateGraph[Any, Any, Any, Any]]
"""Builds the graph of a task that takes more than one step: it begins with the state that
classify left, and ends with `prepared` and the last of `attempts` to be judged, or an `error`."""

SUBGRAPHS: Final[Mapping[str, SubGraph]] = {
    "research": research.build,
    "longform": longform.build,
    "contract": contract.build,
}
"""By the node that the task names (Task.node)."""


def build(services: Services, tasks: Sequence[Task] = (), tools: Sequence[Tool] = ()) -> Builder:
    """The graph over `services`, with an application's own tasks and tools beside the shipped."""
    table = Tasks(services, tasks)
    builder = Builder(services)
    nodes = [*SLM_NODES, "reason", *(task.node for task in table.own)]
    _add_nodes(builder, services, table, nodes)
    builder.add_edge(START, "classify")
    # The agent alone hands work back to this graph.
    delegating = partial(agent.build, subtasks=Subtasks(builder), tools=tools)
    subgraphs: dict[str, SubGraph] = {**SUBGRAPHS, "agent": delegating}
    for name, subgraph in subgraphs.items():
        builder.add_node(name, subgraph(services).compile(name=name))
    builder.add_conditional_edges("classify", route_task, [*nodes, *subgraphs, "record"])
    for node in [*nodes, *subgraphs]:
        builder.add_edge(node, "quality_check")
    builder.add_conditional_edges("quality_check", route_verdict)
    builder.add_edge("escalate", "quality_check")
    builder.add_edge("retry_slm", "quality_check")
    builder.add_edge("record", END)
    return builder


def _add_nodes(builder: Builder, services: Services, table: Tasks, nodes: Sequence[str]) -> None:
    run_task = RunTask(services, table)
    steps: dict[str, Callable[..., dict[str, Any]]] = {
        "classify": Classify(services, table),
        **dict.fromkeys(nodes, run_task),
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


builder = build(Services())
graph = builder.compile(name="hybrid")
