"""`tandem mcp`: the MCP servers of the settings, and Tandem as one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    """One tool of a server beside what was accepted of it.

    Parameters
    ----------
    now: what the server says; None where it says nothing that is acceptable, for the reason `why`.
    accepted: what was accepted; None where nothing was.
    """

    server: str
    tool: str
    state: State
    read_only: bool
    now: Offer | None = None
    accepted: Offer | None = None
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
    return ToolState(name, tool, "accepted", read_only, offer, offer)


@app.command()
def check(
    ctx: typer.Context,
    server: _Server = "",
    accept: Annotated[
        str,
        typer.Option(
            metavar="DIGEST",
            help="Accept what was shown with this digest, from now on; nothing, if it has changed.",
        ),
    ] = "",
    as_json: _Json = False,
) -> None:
    """Ask the servers what they offer, and compare it with what was accepted.

    What the agent's models get to read of a tool is what is shown here, beside what was accepted
    where that was something else. Exit code: 0 where each tool that the settings allow is accepted
    as it is; 1 where a server does not answer, or answers what is not acceptable; 3 where a person
    has to look: a tool is new, changed, refused or missing; 2 invalid (nothing to check, or a
    digest of what is no more; nothing is accepted then).
    """
    from tandem.mcp.sessions import McpSessions

    settings: Settings = ctx.obj
    servers = _chosen(settings, server)
    sessions = McpSessions(settings, show_logs=True)
    try:
        listings, failures = _listings(sessions, servers)
    finally:
        sessions.close()
    digest = _accepted_now(settings, listings, accept)
    told = [each for name, listing in listings.items() for each in _states(settings, name, listing)]
    waits = any(each.state not in ("accepted", "not allowed") for each in told)
    if as_json:
        tools = [asdict(each) for each in told]
        said = {"tools": tools, "failures": failures, "digest": digest}
        typer.echo(json.dumps(said, indent=2))
    else:
        for name in servers:
            _show_server(name, settings.mcp.servers[name])
            _show([each for each in told if each.server == name])
        for failure in failures:
            typer.echo(f"error: {failure}", err=True)
        if any(each.state in ("new", "changed") for each in told):
            typer.echo(f"To accept what is shown: {' '.join(_command(server, digest))}")
    raise typer.Exit(1 if failures else 3 if waits else 0)


def _command(server: str, digest: str) -> list[str]:
    return ["tandem mcp check", *([server] if server else []), "--accept", digest]


def _chosen(settings: Settings, server: str) -> list[str]:
    if server and server not in settings.mcp.servers:
        raise InvalidRequest(
            "The settings name no MCP server of that name.", "`tandem mcp list` shows them."
        )
    if not settings.mcp.servers:
        raise InvalidRequest(
            "The settings name no MCP server, so that none was checked.",
            "See [mcp.servers.NAME] in docs/mcp.md.",
        )
    return [server] if server else list(settings.mcp.servers)


def _listings(
    sessions: McpSessions, servers: Sequence[str]
) -> tuple[dict[str, list[Listed]], list[str]]:
    """What the servers say that answer, and what is wrong with the others."""
    found: dict[str, list[Listed]] = {}
    failures: list[str] = []
    for name in servers:
        try:
            found[name] = sessions.listing(name)
        except McpError as error:
            failures.append(str(error))
    return found, failures


def _accepted_now(settings: Settings, listings: Mapping[str, list[Listed]], accept: str) -> str:
    """The digest of what can be accepted; it is, where that is what was shown.

    Raises
    ------
    InvalidRequest: `accept` is the digest of something else.
    """
    from tandem.mcp import catalogue
    from tandem.mcp.offers import digest_of_all

    offers = {
        name: [each.offer for each in listing if each.offer and _allowed(settings, name, each)]
        for name, listing in listings.items()
    }
    digest = digest_of_all((name, offer) for name, those in offers.items() for offer in those)
    if accept and accept != digest:
        raise InvalidRequest(
            "The servers do not say what was shown with this digest; nothing was accepted.",
            "Look again with `tandem mcp check`, for the same servers.",
        )
    for name, those in offers.items() if accept else ():
        catalogue.accept(catalogue.path_of(settings), name, those)
    return digest


def _allowed(settings: Settings, server: str, each: Listed) -> bool:
    return each.name in settings.mcp.servers[server].tools


def _states(settings: Settings, name: str, listing: list[Listed]) -> list[ToolState]:
    from tandem.mcp import catalogue

    server = settings.mcp.servers[name]
    known = catalogue.read(catalogue.path_of(settings)).get(name, {})
    found = {each.name for each in listing}
    missing = [
        ToolState(name, tool, "missing", tool in server.read_only, None, known.get(tool))
        for tool in server.tools
        if tool not in found
    ]
    return [*(_state(name, server, each, known.get(each.name)) for each in listing), *missing]


def _state(name: str, server: McpServer, now: Listed, known: Offer | None) -> ToolState:
    read_only = now.name in server.read_only
    if now.name not in server.tools:
        state: State = "not allowed"
    elif now.offer is None:
        state = "refused"
    elif known is None:
        state = "new"
    else:
        state = "accepted" if known.digest == now.digest else "changed"
    return ToolState(name, now.name, state, read_only, now.offer, known, now.why)


_WORDS: Mapping[State, str] = {
    "accepted": "accepted",
    "new": "not accepted yet",
    "changed": "changed since it was accepted: refused until that is accepted",
    "refused": "refused",
    "missing": "not offered by the server",
    "not allowed": "not in `tools`",
}


def _show_server(name: str, server: McpServer) -> None:
    where = server.url or " ".join([server.command, *server.args])
    kept = "private" if server.private else "not private: sensitive arguments never leave for it"
    typer.echo(f"{name}  {where}  ({kept})")
    if not server.tools:
        typer.echo("  its `tools` name none, so that none is offered")


def _show(tools: list[ToolState]) -> None:
    for each in tools:
        kind = "; read-only" if each.read_only else "; has side effects"
        kind = "" if each.state == "not allowed" else kind
        why = f" ({each.why})" if each.why else ""
        typer.echo(f"  {each.server}_{each.tool}  {_WORDS[each.state]}{why}{kind}")
        now = _shown(each.now)
        was = _shown(each.accepted) if each.state == "changed" else now
        for key, words in now.items():
            if words == was[key]:
                typer.echo(f"      {key}: {words}")
            else:
                typer.echo(f"    - {key}: {was[key]}")
                typer.echo(f"    + {key}: {words}")


def _shown(offer: Offer | None) -> dict[str, str]:
    """What models read of a tool, its result's schema, and the sum of all that the server said:
    the words that are cut, and the rules that are dropped, too."""
    if offer is None:
        return {}
    shown = {"says": offer.description, "takes": _as_json(offer.parameters)}
    gives = {"gives": _as_json(offer.output)} if offer.output is not None else {"gives": "anything"}
    return {**shown, **gives, "sha256": offer.digest}


def _as_json(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False)


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
