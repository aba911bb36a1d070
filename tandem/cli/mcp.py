"""`tandem mcp`: the MCP servers of the settings, and Tandem as one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.errors import InvalidRequest, McpError
from tandem.settings import McpServer, Settings

if TYPE_CHECKING:
    from tandem.mcp.offers import Listed, Offer, State
    from tandem.mcp.sessions import McpSessions

app = typer.Typer(no_args_is_help=True)
_Server = Annotated[str, typer.Argument(help="One server of the settings; else all.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True)
class ToolState:
    """One tool of a server beside what was accepted of it."""

    server: str
    tool: str
    state: State
    read_only: bool
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    why: str = ""


@app.command("list")
def list_command(ctx: typer.Context, as_json: _Json = False) -> None:
    """Show the servers of the settings and the tools that the agent is offered; asks no server."""
    from tandem.mcp import catalogue

    settings: Settings = ctx.obj
    known = catalogue.read(catalogue.path_of(settings))
    told = [
        _accepted(name, tool, server, known.get(name, {}).get(tool))
        for name, server in settings.mcp.servers.items()
        for tool in server.tools
    ]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in told], indent=2))
        return
    if not settings.mcp.servers:
        typer.echo("The settings name no MCP server: see [mcp.servers.NAME] in docs/mcp.md.")
    for name, server in settings.mcp.servers.items():
        _show_server(name, server)
        _show([each for each in told if each.server == name])


def _accepted(name: str, tool: str, server: McpServer, offer: Offer | None) -> ToolState:
    read_only = tool in server.read_only
    if offer is None:
        return ToolState(name, tool, "new", read_only)
    return ToolState(name, tool, "accepted", read_only, offer.description, offer.parameters)


@app.command()
def check(
    ctx: typer.Context,
    server: _Server = "",
    accept: Annotated[
        bool, typer.Option(help="Accept the tools as they are shown, from now on.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Ask the servers what they offer, and compare it with what was accepted.

    What the agent's models get to read of a tool is what is shown here. Exit code: 0 where each
    tool that the settings allow is accepted, 1 where one is not, or a server does not answer.
    """
    from tandem.mcp.sessions import McpSessions

    settings: Settings = ctx.obj
    sessions = McpSessions(settings, show_logs=True)
    try:
        told, failures = _checked(settings, sessions, _chosen(settings, server), accept)
    finally:
        sessions.close()
    if as_json:
        tools = [asdict(each) for each in told]
        typer.echo(json.dumps({"tools": tools, "failures": failures}, indent=2))
    else:
        for name in _chosen(settings, server):
            _show_server(name, settings.mcp.servers[name])
            _show([each for each in told if each.server == name])
        for failure in failures:
            typer.echo(f"error: {failure}", err=True)
    good = all(each.state in ("accepted", "not allowed") for each in told)
    raise typer.Exit(0 if good and not failures else 1)


def _chosen(settings: Settings, server: str) -> list[str]:
    if server and server not in settings.mcp.servers:
        raise InvalidRequest(
            "The settings name no MCP server of that name.", "`tandem mcp list` shows them."
        )
    return [server] if server else list(settings.mcp.servers)


def _checked(
    settings: Settings, sessions: McpSessions, servers: list[str], accept: bool
) -> tuple[list[ToolState], list[str]]:
    from tandem.mcp import catalogue

    file = catalogue.path_of(settings)
    told: list[ToolState] = []
    failures: list[str] = []
    for name in servers:
        allowed = settings.mcp.servers[name].tools
        try:
            listing = sessions.listing(name)
        except McpError as error:
            failures.append(str(error))
            continue
        if accept:
            offers = [each.offer for each in listing if each.offer and each.name in allowed]
            catalogue.accept(file, name, offers)
        known = catalogue.read(file).get(name, {})
        told += _states(name, settings.mcp.servers[name], listing, known)
    return told, failures


def _states(
    name: str, server: McpServer, listing: list[Listed], known: Mapping[str, Offer]
) -> list[ToolState]:
    found = {each.name for each in listing}
    missing = [
        ToolState(name, tool, "missing", tool in server.read_only)
        for tool in server.tools
        if tool not in found
    ]
    return [*(_state(name, server, each, known.get(each.name)) for each in listing), *missing]


def _state(name: str, server: McpServer, now: Listed, known: Offer | None) -> ToolState:
    read_only = now.name in server.read_only
    if now.offer is None:
        state: State = "refused" if now.name in server.tools else "not allowed"
        return ToolState(name, now.name, state, read_only, why=now.why)
    if now.name not in server.tools:
        state = "not allowed"
    elif known is None:
        state = "new"
    else:
        state = "accepted" if known.digest == now.digest else "changed"
    offer = now.offer
    return ToolState(name, now.name, state, read_only, offer.description, offer.parameters)


_WORDS: Mapping[State, str] = {
    "accepted": "accepted",
    "new": "not accepted yet: --accept does",
    "changed": "changed since it was accepted: refused until --accept",
    "refused": "refused",
    "missing": "not offered by the server",
    "not allowed": "not in `tools`",
}


def _show_server(name: str, server: McpServer) -> None:
    where = server.url or " ".join([server.command, *server.args])
    kept = "private" if server.private else "not private: sensitive arguments never leave for it"
    typer.echo(f"{name}  {where}  ({kept})")


def _show(tools: list[ToolState]) -> None:
    for each in tools:
        kind = "; read-only" if each.read_only else "; has side effects"
        kind = "" if each.state == "not allowed" else kind
        why = f" ({each.why})" if each.why else ""
        typer.echo(f"  {each.server}_{each.tool}  {_WORDS[each.state]}{why}{kind}")
        if each.description:
            typer.echo(f"      {each.description}")
        if each.parameters:
            properties = json.dumps(each.parameters.get("properties", {}), ensure_ascii=False)
            typer.echo(f"      {properties}")


@app.command()
def serve(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Option(help="Whose requests these are.")] = "",
    private_only: Annotated[bool, typer.Option(help="No public model may see them.")] = False,
) -> None:
    """Be an MCP server over standard input and output, for a desktop client."""
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.cli.mcp_server import serve_stdio

    serve_stdio(ctx.obj, tenant, private_only)
