"""The MCP sessions of a process: one a server, on one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from tandem.errors import McpError, McpNotSent
from tandem.mcp import catalogue
from tandem.mcp.connection import Connection
from tandem.mcp.offers import Listed, Offer
from tandem.mcp.results import value_of
from tandem.models.cancel import on_cancel
from tandem.settings import Settings

T = TypeVar("T")
_log = logging.getLogger(__name__)
_CLOSE_S: Final = 8.0
_SPARE_S: Final = 10.0
"""For what is bounded on the loop itself, and late only where the machine is."""


class McpSessions:
    """What the settings' MCP servers offer, and calls to them, for synchronous code; thread-safe.

    Nothing is started before the first call or listing. Closed by `close`, or when the process
    ends.

    Parameters
    ----------
    show_logs: show what servers write to their standard error.
    """

    def __init__(self, settings: Settings, show_logs: bool = False) -> None:
        self._settings, self._show_logs = settings, show_logs
        self._lock = threading.Lock()
        self._connections: dict[str, Connection] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finalizer: Any = None
        self._accepted: dict[str, dict[str, Offer]] | None = None

    def accepted(self) -> dict[str, dict[str, Offer]]:
        """By server, the tools that the settings allow and a person accepted.

        Raises
        ------
        McpError: the file of accepted tools is damaged.
        """
        with self._lock:
            if self._accepted is None:
                self._accepted = self._read_accepted()
            return self._accepted

    def _read_accepted(self) -> dict[str, dict[str, Offer]]:
        known = catalogue.read(catalogue.path_of(self._settings))
        found: dict[str, dict[str, Offer]] = {}
        for name, server in self._settings.mcp.servers.items():
            offers = known.get(name, {})
            found[name] = {tool: offers[tool] for tool in server.tools if tool in offers}
            missing = [tool for tool in server.tools if tool not in offers]
            if missing:
                _log.warning(
                    "MCP server %s: %d tools are not offered, as nobody accepted them yet: "
                    "`tandem mcp check %s`",
                    name,
                    len(missing),
                    name,
                )
        return found

    def listing(self, server: str) -> list[Listed]:
        """What a server offers now; it is started or reached for that. Raises McpError."""
        seconds = self._settings.mcp.servers[server].start_s
        return self._on_loop(server, self._connection(server).listing(), seconds)

    def call(self, server: str, offer: Offer, arguments: Mapping[str, Any]) -> Any:
        """What a tool gives, JSON-plain. Cancelling the current work ends the wait, and tells the
        server; a call is never sent twice.

        Raises
        ------
        McpNotSent: the call did not reach the server.
        McpError: there is no result, for a reason in words that hold nothing of the server's.
        """
        own, name = self._settings.mcp.servers[server], f"{server}_{offer.name}"
        try:
            calling = self._connection(server).call(offer, arguments)
            result = self._on_loop(name, calling, own.start_s + own.seconds)
            # Here and not on the loop: a large result takes its time, and other servers wait there.
            return _named(name, lambda: value_of(result, offer))
        except McpError as error:
            look = f"`tandem mcp check {server}` tells whether the server works."
            raise type(error)(error.what, error.remedy or look) from error

    def close(self) -> None:
        """End all sessions, and the processes of their servers."""
        if self._finalizer is not None:
            self._finalizer()

    def _connection(self, server: str) -> Connection:
        _require_mcp()
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                thread = threading.Thread(target=self._loop.run_forever, name="mcp", daemon=True)
                thread.start()
                # Also runs when the process ends and nobody closed.
                self._finalizer = weakref.finalize(
                    self, _close, self._loop, thread, self._connections
                )
            if server not in self._connections:
                own, limits = self._settings.mcp, self._settings.limits
                self._connections[server] = Connection(
                    server,
                    own.servers[server],
                    own,
                    self._settings.path("."),
                    limits.breaker_reset_s,
                    self._show_logs,
                )
            return self._connections[server]

    def _on_loop(self, name: str, work: Coroutine[Any, Any, T], seconds: float) -> T:
        if self._loop is None or self._loop.is_closed():
            work.close()
            raise McpNotSent(f"{name}: the MCP sessions are closed.")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)

        def cancel() -> None:
            future.cancel()

        forget = on_cancel(cancel)
        try:
            return _named(name, lambda: future.result(seconds + _SPARE_S))
        except concurrent.futures.CancelledError:
            raise McpError(f"{name}: the call was cancelled.") from None
        except TimeoutError:
            future.cancel()
            raise McpError(f"{name}: there was no answer in time.") from None
        finally:
            forget()


def _named(name: str, work: Callable[[], T]) -> T:
    """What `work` gives; its errors say of what they are."""
    try:
        return work()
    except McpError as error:
        raise type(error)(f"{name}: {error.what}", error.remedy) from error


def _require_mcp() -> None:
    try:
        import mcp  # noqa: F401 (here and not on the loop, which others wait for)
    except ImportError as error:
        raise McpNotSent(
            "MCP servers need the extra `mcp`, which is not installed.",
            "`pip install 'tandem-lm[mcp]'`",
        ) from error
    # What these log quotes what a server said.
    logging.getLogger("mcp.client").setLevel(logging.CRITICAL)


def _close(
    loop: asyncio.AbstractEventLoop, thread: threading.Thread, connections: dict[str, Connection]
) -> None:
    async def close_all() -> None:
        await asyncio.gather(*(each.close() for each in connections.values()))

    closing = asyncio.run_coroutine_threadsafe(close_all(), loop)
    try:
        closing.result(_CLOSE_S)
    except TimeoutError:
        _log.warning("an MCP server did not end in time")
    loop.call_soon_threadsafe(loop.stop)
    thread.join(_CLOSE_S)
    if not thread.is_alive():
        loop.close()
