"""One server's session: opened when it is first needed, kept, opened again where it ended.

A call is sent once. Where the session ends before the answer, nobody knows whether the server
carried it out, so it is not sent again: the next call opens a new session.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tandem.errors import McpError, McpNotSent
from tandem.mcp.http import http
from tandem.mcp.offers import Listed, Offer, listed
from tandem.mcp.stdio import stdio
from tandem.models.breaker import CircuitBreaker
from tandem.settings import McpServer, McpSettings

if TYPE_CHECKING:
    from mcp import ClientSession
    from mcp.client._transport import TransportStreams
    from mcp.types import CallToolResult

_FAILURES: Final = 2
"""A server that could not be reached, or ended, so often in a row is left alone for a while."""
_CLOSE_S: Final = 5.0
_UNKNOWN: Final = "whether it carried the call out is not known, and it was not sent again"
_HARMLESS: Final = "it changes nothing, and was not asked again"
_ACCEPT: Final = "Look at it with `tandem mcp check {name}`, which says how to accept it."
_LOOK: Final = (
    "Look whether it happened; `tandem mcp check {name}` tells whether the server works. Then ask "
    "again."
)
_RETRY: Final = "`tandem mcp check {name}` tells whether the server works. Then ask again."


class Connection:
    """The session with one server; lives on one event loop, and is used only there.

    Parameters
    ----------
    folder: where a server's command runs.
    reset_s: how long a server that keeps ending is left alone.
    show_log: show what the server writes to its standard error.
    """

    def __init__(
        self,
        name: str,
        server: McpServer,
        limits: McpSettings,
        folder: Path,
        reset_s: float,
        show_log: bool = False,
    ) -> None:
        self._name, self._server, self._limits = name, server, limits
        self._folder, self._show_log = folder, show_log
        self._opening = asyncio.Lock()
        self._owner: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        """Set to end the session, and by a server's process that ended."""
        self._session: ClientSession | None = None
        self._list: dict[str, Listed] = {}
        self._breaker = CircuitBreaker(_FAILURES, reset_s)

    async def listing(self) -> list[Listed]:
        """What the server offers now. Raises McpError."""
        await self._opened()
        return list(self._list.values())

    async def call(self, offer: Offer, arguments: Mapping[str, Any]) -> CallToolResult:
        """What the server answers, unlooked at; sent to the server once, whatever happens.

        Raises
        ------
        McpNotSent: the server could not be reached, or offers it no more as it was accepted.
        McpError: the server ended, took too long, refused the call, or answered what is none.
        """
        try:
            session = await self._opened()
            self._refuse_changed(offer)
        except McpError as error:
            raise McpNotSent(error.what, error.remedy) from error
        result = await self._sent(session, offer, arguments)
        self._breaker.succeeded()
        return result

    async def close(self) -> None:
        """End the session, and the server's process where it has one."""
        owner, session = self._owner, self._session
        self._owner = self._session = None
        if owner is None or owner.done():
            return
        self._over.set()
        if session is None:  # it waits for the server's first words, and not for this
            owner.cancel()
        await asyncio.wait([owner], timeout=_CLOSE_S)
        owner.cancel()

    async def _opened(self) -> ClientSession:
        async with self._opening:
            if self._session is not None and not self._over.is_set():
                return self._session
            if not self._breaker.allow():
                raise McpError(
                    f"It failed {_FAILURES} times in a row, and is left alone for a while.",
                    f"Look at it: `tandem mcp check {self._name}`.",
                )
            return await self._open()

    async def _open(self) -> ClientSession:
        await self.close()
        self._over = asyncio.Event()
        ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        # Entered and left by the same task, as the session's cancel scopes want it.
        self._owner = asyncio.create_task(self._own(ready), name=f"mcp-{self._name}")
        try:
            async with asyncio.timeout(self._server.start_s):
                self._session = await asyncio.shield(ready)
        except TimeoutError:
            await self._give_up()
            raise McpError(
                f"It said nothing of what it offers within {self._server.start_s:g} s.",
                "Start it by hand to see what it says, or allow more (start_s).",
            ) from None
        except McpError:
            await self._give_up()
            raise
        return self._session

    async def _give_up(self) -> None:
        self._breaker.failed()
        await self.close()

    async def _own(self, ready: asyncio.Future[ClientSession]) -> None:
        from mcp import ClientSession

        over = self._over  # this session's: another one may begin before this task ends
        try:
            async with (
                self._transport(over) as (incoming, outgoing),
                ClientSession(incoming, outgoing) as session,
            ):
                await session.initialize()
                self._list = await self._listed(session)
                if not ready.done():
                    ready.set_result(session)
                await over.wait()
        except BaseException as error:
            over.set()
            if not ready.done():
                ready.set_exception(_plain(error))
                ready.exception()  # looked at, whoever waits
            if isinstance(error, asyncio.CancelledError):
                raise

    @asynccontextmanager
    async def _transport(self, over: asyncio.Event) -> AsyncIterator[TransportStreams]:
        limit = self._limits.message_bytes
        if self._server.url:
            async with http(self._server, limit) as streams:
                yield streams
        else:
            async with stdio(
                self._server, self._folder, limit, over.set, self._show_log
            ) as streams:
                yield streams

    async def _listed(self, session: ClientSession) -> dict[str, Listed]:
        from mcp.types import PaginatedRequestParams

        found: dict[str, Listed] = {}
        cursor, most = None, self._limits.offered_tools
        for _ in range(most):
            page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
            for tool in page.tools:
                said = tool.model_dump(by_alias=True, mode="json")
                one = listed(said, self._limits)
                if one.name in found:
                    raise McpError("It offers two tools of the same name.")
                found[one.name] = one
            cursor = page.next_cursor
            if cursor is None or len(found) > most:
                break
        if cursor is not None or len(found) > most:
            raise McpError(f"It offers more tools than mcp.offered_tools allows ({most}).")
        return found

    def _refuse_changed(self, offer: Offer) -> None:
        now, accept = self._list.get(offer.name), _ACCEPT.format(name=self._name)
        if now is None:
            raise McpError("The server does not offer it any more; nothing was sent.", accept)
        if now.digest != offer.digest:
            raise McpError(
                "Its description or schema is not what was accepted; nothing was sent.", accept
            )

    async def _sent(
        self, session: ClientSession, offer: Offer, arguments: Mapping[str, Any]
    ) -> CallToolResult:
        import anyio
        from mcp.shared.exceptions import MCPError
        from mcp.types import (
            CONNECTION_CLOSED,
            INVALID_PARAMS,
            INVALID_REQUEST,
            METHOD_NOT_FOUND,
            REQUEST_TIMEOUT,
            CallToolRequest,
            CallToolRequestParams,
            CallToolResult,
        )

        reads = offer.name in self._server.read_only
        done, look = (_HARMLESS, _RETRY) if reads else (_UNKNOWN, _LOOK)
        seconds, look = self._server.seconds, look.format(name=self._name)
        late = McpError(f"There was no answer within {seconds:g} s; {done}.", look)
        params = CallToolRequestParams(name=offer.name, arguments=dict(arguments))
        try:
            with anyio.fail_after(seconds):
                # Not session.call_tool: it would check the result by the server's own schema,
                # whose regular expressions may be endless.
                return await session.send_request(CallToolRequest(params=params), CallToolResult)
        except MCPError as error:
            if error.error.code == REQUEST_TIMEOUT:
                raise late from None
            if error.error.code in (INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND):
                if error.error.code == INVALID_REQUEST and self._session is session:
                    await self.close()  # so HTTP tells that the session is over
                raise McpError("The server refused the call.") from None
            if error.error.code != CONNECTION_CLOSED:
                raise McpError(f"The server answered with an error; {done}.", look) from None
        except TimeoutError:
            raise late from None
        except ValueError:
            raise McpError("The server's answer is no result of a tool.") from None
        if self._session is session:  # the first of its calls that finds out
            await self._give_up()
        raise McpError(f"The server ended, or sent too much, before it answered; {done}.", look)


def _plain(error: BaseException) -> McpError:
    """Why a session could not be opened, without any of the server's words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, McpError):
        return error
    return McpError(
        f"It could not be reached, or does not speak MCP ({type(error).__name__}).",
        "Are its command and arguments, or its URL, right? Start it by hand to see what it says.",
    )
