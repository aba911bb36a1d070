"""The tools of an agent's run, out of what the process holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tandem.errors import RunStateError
from tandem.nodes.binding import keeps_private
from tandem.nodes.state import Context, State
from tandem.privacy.redaction import Vault
from tandem.records import Answer, Delegated, Request
from tandem.services import Services, TenantKnowledge
from tandem.tools.base import Tool
from tandem.tools.delegate import RunTask
from tandem.tools.mcp import McpRun, mcp_tools
from tandem.tools.registry import build_tools

Subtasks = Callable[[State, Context, list[Delegated]], Callable[[Request], Answer]]
"""Gives the function that runs a request under a run and notes in the list what it cost."""


@dataclass(frozen=True)
class Toolbox:
    """The tools that a run may use; those of MCP servers among them.

    Parameters
    ----------
    subtasks: runs a request under a run.
    own: the application's tools, beside the shipped ones.
    """

    services: Services
    subtasks: Subtasks
    own: tuple[Tool, ...] = ()

    def __call__(
        self, state: State, context: Context, delegated: list[Delegated] | None = None
    ) -> Mapping[str, Tool]:
        """The run's tools by name; what they delegate is noted in `delegated`."""
        run_task = self.subtasks(state, context, [] if delegated is None else delegated)
        own = (*self.own, *mcp_tools(self.services, self._mcp_run(state, context)))
        return agent_tools(self.services, run_task, own, state["request"])

    def _mcp_run(self, state: State, context: Context) -> McpRun:
        vault = self.services.vaults.of(state["run_id"], state["deadline"])
        return McpRun(state["profile"], vault, keeps_private(state, context))


def needed(tools: Mapping[str, Tool], name: str) -> Tool:
    """The tool of a planned step. Plans name known tools only, so that one which is not here was
    known where the run began.

    Raises
    ------
    RunStateError: it is not here; the run can go on elsewhere.
    """
    if name not in tools:
        raise RunStateError(
            f"The run needs the tool {name!r}, which is not known here; nothing was done, nothing "
            "is lost.",
            "Resume it where that tool is: in the application that brings it, or with its "
            "settings.",
        )
    return tools[name]


def lacking(services: Services, own: Sequence[Tool], state: State) -> list[str]:
    """Names of the tools that planned steps of a run need and that are not known here.

    Parameters
    ----------
    own: the application's tools.
    """
    # A vault of its own: the run's must know the request before anything asks for it.
    run = McpRun(state["profile"], Vault(), keeps_private(state, Context()))
    extra = (*own, *mcp_tools(services, run))
    known = agent_tools(services, _nobody, extra, state["request"])
    planned = (step["tool"] for step in state["steps"] if step["status"] == "planned")
    return sorted(set(planned) - known.keys())


def _nobody(_request: Request) -> Answer:
    raise RunStateError("Nothing is run here.", "Resume the run.")


def agent_tools(
    services: Services, run_task: RunTask, own: Sequence[Tool], request: Request
) -> Mapping[str, Tool]:
    """The shipped tools that can work here and the application's `own`, by name."""
    knowledge = services.settings.knowledge
    tenant = request.get("tenant", "")
    has_tables = bool(services.settings.tables.files) and services.shares(tenant)
    return build_tools(
        request,
        searcher=TenantKnowledge(services, tenant) if services.has_knowledge(tenant) else None,
        k=knowledge.top_k,
        min_score=knowledge.min_score,
        database=services.tables if has_tables else None,
        run_task=run_task,
        text_of=services.document_text,
        extra=own,
    )
