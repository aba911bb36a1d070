"""One call on the wire: its deadline kept to the letter, its failure told without a word of it.

Both clients (slm.py, llm.py) send through the transport made here, one connection pool an endpoint.
A read time-out alone keeps no deadline: it starts anew with each token. So the transport gives each
phase what is left of the time, and once the response has begun a timer shuts its socket down at the
deadline, which wakes the reader at once and tells the server to free its slot. Cancelling does the
same.

An error's body is never passed on: servers quote the prompt there.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Literal

import httpx

from tandem.models.cancel import cancelled, on_cancel
from tandem.settings import Dialect

FailureKind = Literal[
    "unreachable",
    "busy",
    "denied",
    "too_long",
    "refused",
    "broken",
    "deadline",
    "cancelled",
    "down",
    "open",
]
"""unreachable: no connection; busy: 429 or 5xx; denied: 401 or 403; too_long: the context window
is too small; refused: any other status; broken: the answer stopped half-way; down: the server does
not start; open: the circuit breaker lets nothing through."""
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


class CallError(Exception):
    """Why one call on one endpoint gave no answer; `cause` is fit to be shown."""

    def __init__(self, kind: FailureKind, cause: str, retry_after: float = 0.0) -> None:
        super().__init__(cause)
        self.kind: Final = kind
        self.cause: Final = cause
        self.retry_after: Final = retry_after
        """Seconds that the server asks to wait; 0 where it asks nothing."""


class Call:
    """A call under way: what is left of its time, and the response to close."""

    def __init__(self, deadline: float, connect_s: float) -> None:
        self._ends: Final = time.monotonic() + (deadline - time.time())
        self._connect_s: Final = connect_s
        self._response: httpx.Response | None = None
        self._timer: threading.Timer | None = None
        self._forget: Callable[[], None] = lambda: None
        self.model = ""
        """Who answered, in the server's own words."""
        self.failure: CallError | None = None

    @property
    def left(self) -> float:
        """Seconds to the deadline; negative after it."""
        return self._ends - time.monotonic()

    def check(self) -> None:
        """Raise where the work was cancelled, or the deadline has passed."""
        if (end := _end(self.left)) is not None:
            raise end

    def timeouts(self) -> dict[str, float]:
        """Time-outs of the request's phases, in seconds."""
        left = max(self.left, 0.001)
        return {"connect": min(self._connect_s, left), "read": left, "write": left, "pool": left}

    def watch(self, response: httpx.Response) -> None:
        """Shut `response` down at the deadline, however slowly it drips, and when cancelled."""
        self._response = response
        if (sock := _socket(response)) is not None:
            self._timer = threading.Timer(max(self.left, 0), _shut_down, [sock])
            self._timer.daemon = True
            self._timer.start()
            self._forget = on_cancel(partial(_shut_down, sock))

    def close(self) -> None:
        """End the call. An answer that is still coming is cut off, which frees the server."""
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
        if self._response is not None:
            self._response.close()

    def explain(self, error: Exception) -> CallError:
        """`error`, raised anywhere in a client's layers, as a CallError without its text."""
        if isinstance(error, CallError):
            return error
        if self.failure is not None:
            return self.failure
        broken = CallError("broken", f"the answer broke off ({type(error).__name__})")
        return _end(self.left) or broken


_CURRENT: ContextVar[Call] = ContextVar("tandem_call")


def answered_by(model: str) -> None:
    """Note who answers the current call."""
    _CURRENT.get().model = model


@contextlib.contextmanager
def current(call: Call) -> Iterator[Call]:
    """Make `call` the one that the transport works for, and end it."""
    token = _CURRENT.set(call)
    try:
        yield call
    finally:
        _CURRENT.reset(token)
        call.close()


class DeadlineTransport(httpx.BaseTransport):
    """An HTTP transport that keeps the current call's deadline and explains its failures."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return a response only where the server began an answer."""
        call = _CURRENT.get()
        request.extensions = {**request.extensions, "timeout": call.timeouts()}
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
            call.watch(response)  # An error's body may drip as slowly as an answer's.
            call.failure = _status_failure(response)
            raise call.failure
        answer = httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_AnswerStream(response),
            extensions=response.extensions,
        )
        call.watch(answer)
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
        sock = _socket(self._response)
        if sock is None:
            return
        timer = threading.Timer(_DRAIN_S, _shut_down, [sock])
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


def _socket(response: httpx.Response) -> socket.socket | None:
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("socket") if stream is not None else None
    return found if isinstance(found, socket.socket) else None


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # The plain socket's method: SSLSocket's own would disturb a reader in another thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def check(deadline: float) -> None:
    """Raise CallError where the work was cancelled, or `deadline` (Unix time, s) has passed."""
    if (end := _end(deadline - time.time())) is not None:
        raise end


def _end(left: float) -> CallError | None:
    """Why a call with `left` seconds must not go on; None where it may."""
    if cancelled():
        return CallError("cancelled", "the caller cancelled the request")
    return CallError("deadline", "the time allowed ran out") if left <= 0 else None


def _not_sent(call: Call, error: httpx.HTTPError) -> CallError:
    if (end := _end(call.left)) is not None:
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
