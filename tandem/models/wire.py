"""One call on the wire: its deadline kept to the letter, its failure told without a word of it.

Both clients (slm.py, llm.py) send through the transport made here, one connection pool an endpoint.
It gives each phase what is left of the call's time; the call itself (call.py) watches the socket.

An error's body is never passed on: servers quote the prompt there.
"""

from __future__ import annotations

import contextlib
import math
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import httpx

from tandem.models.call import CURRENT, Call, CallError, ended, shut_down, socket_of
from tandem.settings import Dialect

_ERROR_BODY_BYTES: Final = 4096
_KEEP_ALIVE_S: Final = 4.0
"""Below many servers' 5 s, so that a request never meets a connection that is being closed."""
_END_MARK: Final = b"data: [DONE]"
_TAIL_BYTES: Final = 64
_DRAIN_S: Final = 0.25
_TOO_LONG_MARKS: Final = (
    b"exceed_context_size_error",  # llama.cpp
    b"context_length_exceeded",  # OpenAI
    b"maximum context length",  # vLLM
    b"max_new_tokens` must be <=",  # TGI
)


class DeadlineTransport(httpx.BaseTransport):
    """An HTTP transport that keeps the current call's deadline and explains its failures."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return a response only where the server began an answer."""
        call = CURRENT.get()
        own = {"timeout": call.timeouts(), "trace": call.connected}
        request.extensions = {**request.extensions, **own}
        try:
            call.check()
            response = self._inner.handle_request(request)
        except CallError as failure:
            call.failure = failure
            raise
        except httpx.HTTPError as error:
            call.failure = _not_sent(call, error)
            raise
        if response.status_code != httpx.codes.OK:
            call.answered(response)  # An error's body may drip as slowly as an answer's.
            call.failure = _status_failure(response)
            raise call.failure
        answer = httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_AnswerStream(response),
            extensions=response.extensions,
        )
        call.answered(answer)
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class _AnswerStream(httpx.SyncByteStream):
    """An answer's bytes. Closed after its end mark, it reads the few that still follow: clients
    stop at the mark, and a connection that was not read to its end cannot be used again."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = response.iter_raw()
        self._tail = b""
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
            yield chunk
        self._ended = True

    def close(self) -> None:
        """End the answer."""
        if not self._ended and _END_MARK in self._tail:
            self._drain()
        self._response.close()

    def _drain(self) -> None:
        sock = socket_of(self._response.extensions.get("network_stream"))
        if sock is None:
            return
        timer = threading.Timer(_DRAIN_S, shut_down, [sock])
        timer.start()
        with contextlib.suppress(httpx.HTTPError):
            for _ in self._chunks:
                pass
        timer.cancel()


def http_client(url: str, dialect: Dialect) -> httpx.Client:
    """An HTTP client with its own pool for `url`; it follows no redirect, so that a prompt never
    goes where nobody sent it, and reaches loopback past any proxy.

    llama.cpp closes each connection after a streamed answer without saying so; who sends the next
    request before that is seen loses it. So its connections are used once.
    """
    parsed = httpx.URL(url)
    loopback = parsed.host in ("127.0.0.1", "localhost", "::1")
    inner = httpx.HTTPTransport(
        verify=parsed.scheme == "https",
        trust_env=not loopback,
        proxy=None if loopback else _proxy(parsed),
        limits=httpx.Limits(
            max_keepalive_connections=0 if dialect == "llamacpp" else None,
            keepalive_expiry=_KEEP_ALIVE_S,
        ),
    )
    return httpx.Client(transport=DeadlineTransport(inner), follow_redirects=False)


def _proxy(url: httpx.URL) -> str | None:
    # httpx reads the environment's proxies only where it makes the transport itself.
    if urllib.request.proxy_bypass(url.host):
        return None
    return urllib.request.getproxies().get(url.scheme)


def _not_sent(call: Call, error: httpx.HTTPError) -> CallError:
    if (end := ended(call.left)) is not None:
        return end
    name = type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return CallError("unreachable", f"no connection ({name})")
    return CallError("broken", f"the connection was lost ({name})")


def _status_failure(response: httpx.Response) -> CallError:
    status = response.status_code
    try:
        text = _first_bytes(response)
    finally:
        response.close()
    cause = f"the server answered with status {status}"
    if status in (401, 403):
        return CallError("denied", cause)
    if any(mark in text for mark in _TOO_LONG_MARKS):
        return CallError("too_long", cause)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return CallError("busy", cause, _retry_after(response.headers))
    return CallError("refused", cause)


def _first_bytes(response: httpx.Response) -> bytes:
    text = b""
    with contextlib.suppress(httpx.HTTPError):
        for chunk in response.iter_raw():
            text += chunk
            if len(text) >= _ERROR_BODY_BYTES:
                break
    return text


def _retry_after(headers: Any) -> float:
    try:
        seconds = float(headers.get("retry-after", 0))
    except ValueError:  # a date
        return 0.0
    return max(seconds, 0.0) if not math.isnan(seconds) else 0.0
