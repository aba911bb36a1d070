"""One model call under way: what is left of its time, its connection, and why it gave no answer.

A read time-out alone keeps no deadline: it starts anew with each token. So a timer shuts the call's
socket down at the deadline, which wakes the reader at once and tells the server to free its slot.
Cancelling does the same, from the moment the connection stands.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Literal

import httpx

from tandem.models.cancel import cancelled, on_cancel

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
        if (end := ended(self.left)) is not None:
            raise end

    def timeouts(self) -> dict[str, float]:
        """Time-outs of the request's phases, in seconds."""
        left = max(self.left, 0.001)
        return {"connect": min(self._connect_s, left), "read": left, "write": left, "pool": left}

    def watch(self, stream: Any) -> None:
        """Shut the connection `stream` (of httpcore) down at the deadline, however slowly its
        answer drips, and when cancelled."""
        self._unwatch()
        if (sock := socket_of(stream)) is not None:
            self._timer = threading.Timer(max(self.left, 0), shut_down, [sock])
            self._timer.daemon = True
            self._timer.start()
            self._forget = on_cancel(partial(shut_down, sock))

    def connected(self, event: str, info: Mapping[str, Any]) -> None:
        """Watch a new connection from the start: until a server has read the prompt, and before
        that its queue, there is no response to shut down. (An extension of httpx: `trace`.)"""
        if event in _CONNECTED:
            self.watch(info["return_value"])

    def answered(self, response: httpx.Response) -> None:
        """Watch the connection of `response`, new or not, and close both with the call."""
        self._response = response
        self.watch(response.extensions.get("network_stream"))

    def close(self) -> None:
        """End the call. An answer that is still coming is cut off, which frees the server."""
        self._unwatch()
        if self._response is not None:
            self._response.close()

    def _unwatch(self) -> None:
        self._forget()
        if self._timer is not None:
            self._timer.cancel()

    def explain(self, error: Exception) -> CallError:
        """`error`, raised anywhere in a client's layers, as a CallError without its text."""
        if isinstance(error, CallError):
            return error
        if self.failure is not None:
            return self.failure
        broken = CallError("broken", f"the answer broke off ({type(error).__name__})")
        return ended(self.left) or broken


_CONNECTED: Final = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})
CURRENT: ContextVar[Call] = ContextVar("tandem_call")


def answered_by(model: str) -> None:
    """Note who answers the current call."""
    CURRENT.get().model = model


@contextlib.contextmanager
def current(call: Call) -> Iterator[Call]:
    """Make `call` the one that the transport works for, and end it."""
    token = CURRENT.set(call)
    try:
        yield call
    finally:
        CURRENT.reset(token)
        call.close()


def check(deadline: float) -> None:
    """Raise CallError where the work was cancelled, or `deadline` (Unix time, s) has passed."""
    if (end := ended(deadline - time.time())) is not None:
        raise end


def ended(left: float) -> CallError | None:
    """Why a call with `left` seconds must not go on; None where it may."""
    if cancelled():
        return CallError("cancelled", "the caller cancelled the request")
    return CallError("deadline", "the time allowed ran out") if left <= 0 else None


def socket_of(stream: Any) -> socket.socket | None:
    """The socket under `stream` (of httpcore); None where it has none."""
    found = stream.get_extra_info("socket") if stream is not None else None
    return found if isinstance(found, socket.socket) else None


def shut_down(sock: socket.socket) -> None:
    """Wake whoever reads from `sock`, in whatever thread, and tell the server."""
    with contextlib.suppress(OSError):
        # The plain socket's method: SSLSocket's own would disturb a reader in another thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
