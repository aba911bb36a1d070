"""A server behind a URL, by the `mcp` package's Streamable HTTP client, with a bound on answers.

Redirects are followed within the server's own origin only (the package sees to it), compressed
answers are refused (they may hold any amount), and no proxy stands between this machine and itself.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tandem.errors import McpError
from tandem.settings import McpServer
from tandem.settings.mcp import LOOPBACK

if TYPE_CHECKING:
    import httpx2
    from mcp.client._transport import TransportStreams


@asynccontextmanager
async def http(server: McpServer, max_bytes: int) -> AsyncIterator[TransportStreams]:
    """The streams to and from the server.

    Raises
    ------
    McpError: the variable with the token is not set.
    """
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    client = httpx2.AsyncClient(
        headers=_headers(server),
        timeout=httpx2.Timeout(server.seconds, connect=min(server.start_s, server.seconds)),
        trust_env=urlsplit(server.url).hostname not in LOOPBACK,
        event_hooks={"response": [_bound(max_bytes)]},
    )
    async with (
        client,
        streamable_http_client(
            server.url, http_client=client, max_sse_event_size=max_bytes
        ) as streams,
    ):
        yield streams


def _headers(server: McpServer) -> dict[str, str]:
    headers = {"accept-encoding": "identity"}
    if server.token_env:
        token = os.environ.get(server.token_env, "")
        if not token:
            raise McpError(
                f"The environment variable {server.token_env} with its token is not set.", "Set it."
            )
        headers["authorization"] = f"Bearer {token}"
    return headers


def _bound(max_bytes: int) -> Any:
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        """A body that may not be longer than `max_bytes`."""

        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for part in self._stream:
                seen += len(part)
                if seen > max_bytes:
                    raise httpx2.StreamError("longer than it may be")
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("compressed answers are not taken", request=response.request)
        # A stream of events may go on for long; there, each event is bounded by the client.
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.stream = Bounded(response.stream)  # type: ignore[arg-type]

    return bound
