"""Tools of MCP servers as the agent's own: NAME_tool, with the words that a person accepted.

An MCP server is an outlet like a model: what is called with passes the guard, unless the settings
say that the server is private. A tool counts as having side effects unless the settings list it as
read-only, whatever the server says of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tandem.errors import EgressBlocked, McpError, McpNotSent
from tandem.mcp.offers import Offer
from tandem.privacy.redaction import Vault
from tandem.records import Profile
from tandem.services import Services
from tandem.tools.base import Tool, ToolError, ToolNotCalled


@dataclass(frozen=True)
class McpRun:
    """What counts for the calls of one run.

    Parameters
    ----------
    profile: how sensitive the run is, and what may leave.
    vault: what is redacted in the run elsewhere, and so may not leave here either.
    private_only: nothing of the run may go where it is not private.
    """

    profile: Profile
    vault: Vault
    private_only: bool = False


def mcp_tools(services: Services, run: McpRun) -> list[Tool]:
    """The accepted tools of the settings' MCP servers that the run may use.

    No server is asked for this. A server that may see nothing of the run is left out.

    Raises
    ------
    McpError: the file of accepted tools is damaged.
    """
    if not services.settings.mcp.servers:
        return []
    return [
        _tool(services, run, server, offer)
        for server, offers in services.mcp.accepted().items()
        if _may_see(services, run, server, [])
        for offer in offers.values()
    ]


def _tool(services: Services, run: McpRun, server: str, offer: Offer) -> Tool:
    def call(arguments: Mapping[str, Any]) -> Any:
        _release(services, run, server, list(_strings(arguments)))
        try:
            return services.mcp.call(server, offer, arguments)
        except McpNotSent as error:
            raise ToolNotCalled(error.what, error.remedy) from error
        except McpError as error:
            raise ToolError(error.what, error.remedy) from error

    return Tool(
        name=f"{server}_{offer.name}",
        description=offer.description or f"{offer.name} of {server}",
        parameters=offer.parameters,
        run=call,
        side_effects=offer.name not in services.settings.mcp.servers[server].read_only,
    )


def _may_see(services: Services, run: McpRun, server: str, texts: Sequence[str]) -> bool:
    try:
        _release(services, run, server, texts)
    except EgressBlocked:
        return False
    return True


def _release(services: Services, run: McpRun, server: str, texts: Sequence[str]) -> None:
    """Let `texts` leave for `server`, as they are.

    Raises
    ------
    EgressBlocked: they may not, or could not be checked. What the policy would redact may not
        either: what a server makes of a placeholder cannot be restored.
    """
    if services.settings.mcp.servers[server].private:
        return
    outlet = f"the MCP server {server!r}"
    if run.private_only:
        raise EgressBlocked(f"Nothing was sent to {outlet}: this run may use private models only.")
    try:
        # The empty text: the guard looks at the run's own sensitivity.
        asked = list(texts) or [""]
        released = services.guard.release_all(asked, run.profile, outlet, run.vault)
    except EgressBlocked:
        raise
    except Exception as error:
        raise EgressBlocked(
            f"The guard failed ({type(error).__name__}), so nothing was sent to {outlet}.",
            "Say `private = true` of a server that may see everything, or report the error.",
        ) from None
    if released != asked or run.vault.knows("\n".join(asked)):
        raise EgressBlocked(
            f"Nothing was sent to {outlet}: the arguments hold what must be redacted.",
            "Say `private = true` of a server that may see everything.",
        )


def _strings(value: Any) -> Iterator[str]:
    """All strings and numbers in arguments, keys included: a number may be a card's."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, float) and value.is_integer():
        yield f"{value:.0f}"
    elif isinstance(value, int | float):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield str(key)
            yield from _strings(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _strings(part)
