"""A server on loopback that speaks the streaming chat protocol as its script says, and records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Turn = Callable[["Handler"], None]


@dataclass
class Seen:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


@dataclass
class Loopback:
    """`script` holds one turn a request; the last one repeats."""

    url: str = ""
    script: list[Turn] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)
    """Client ports: one for each connection."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when a client closed its connection in the middle of an answer."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_turn(self, seen: Seen) -> Turn:
        with self.lock:
            self.seen.append(seen)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    @property
    def body(self) -> dict[str, Any]:
        """The last request's body."""
        return self.seen[-1].body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    loopback: Loopback
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        self.loopback.ports.add(self.client_address[1])
        turn = self.loopback.next_turn(Seen(self.path, dict(self.headers), json.loads(raw)))
        try:
            turn(self)
        except (BrokenPipeError, ConnectionResetError):
            self.loopback.closed.set()
            self.close_connection = True

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def send(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def wait_for_close(self) -> None:
        """Until the client goes; its FIN is what frees a real server's slot."""
        self.connection.settimeout(10)
        if self.connection.recv(1) == b"":
            self.loopback.closed.set()
        self.close_connection = True

    def log_message(self, *_args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests are about."""


@contextmanager
def serve(*script: Turn) -> Iterator[Loopback]:
    loopback = Loopback(script=list(script))
    handler = type("BoundHandler", (Handler,), {"loopback": loopback})
    server = _Server(("127.0.0.1", 0), handler)
    loopback.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def chunk(delta: Mapping[str, Any], **choice: Any) -> str:
    return json.dumps(
        {
            "id": "c1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "/srv/models/served-model.gguf",
            "choices": [{"index": 0, "delta": dict(delta), "finish_reason": None, **choice}],
        }
    )


def usage_chunk(asked: int, answered: int) -> str:
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }
    whole = json.loads(chunk({}))
    return json.dumps({**whole, "choices": [], "usage": usage})


def token_chunk(text: str, top: Mapping[str, float] | None = None) -> str:
    alternatives = top or {text: -0.1}
    entry = {
        "token": text,
        "logprob": alternatives.get(text, -9.0),
        "bytes": list(text.encode(errors="surrogatepass")),
        "top_logprobs": [
            {"token": other, "logprob": value, "bytes": None}
            for other, value in alternatives.items()
        ],
    }
    return chunk({"content": text}, logprobs={"content": [entry]})


def answer(
    *tokens: str | tuple[str, Mapping[str, float]], finish: str = "stop", usage: bool = True
) -> Turn:
    """A whole answer; a token may bring its alternatives."""

    def turn(handler: Handler) -> None:
        handler.begin()
        handler.send(chunk({"role": "assistant", "content": None}))
        for token in tokens:
            handler.send(token_chunk(token) if isinstance(token, str) else token_chunk(*token))
        handler.send(chunk({}, finish_reason=finish))
        if usage:
            handler.send(usage_chunk(40, len(tokens)))
        handler.send("[DONE]")
        handler.wfile.write(b"0\r\n\r\n")

    return turn


def tool_answer(*calls: tuple[str, str]) -> Turn:
    """Native tool calls: names and arguments (JSON text), the arguments in two pieces."""

    def turn(handler: Handler) -> None:
        handler.begin()
        for index, (name, arguments) in enumerate(calls):
            half = len(arguments) // 2
            first = {"name": name, "arguments": arguments[:half]}
            named = {"index": index, "id": f"t{index}", "type": "function", "function": first}
            handler.send(chunk({"role": "assistant", "tool_calls": [named]}))
            rest = {"index": index, "function": {"arguments": arguments[half:]}}
            handler.send(chunk({"tool_calls": [rest]}))
        handler.send(chunk({}, finish_reason="tool_calls"))
        handler.send("[DONE]")
        handler.wfile.write(b"0\r\n\r\n")

    return turn


def status(code: int, body: str = "{}", headers: Sequence[tuple[str, str]] = ()) -> Turn:
    def turn(handler: Handler) -> None:
        handler.send_response(code)
        handler.send_header("content-length", str(len(body.encode())))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body.encode())

    return turn


def silence(handler: Handler) -> None:
    """No byte, not even headers, as while a long prompt is processed."""
    handler.wait_for_close()


def stall(handler: Handler) -> None:
    """A first token, then nothing."""
    handler.begin()
    handler.send(token_chunk("Once"))
    handler.wait_for_close()


def drip(handler: Handler) -> None:
    """A token now and then, for ever."""
    handler.begin()
    for _ in range(1000):
        handler.send(token_chunk("x "))
        time.sleep(0.02)


def broken(handler: Handler) -> None:
    """Two tokens, then the connection goes, as when the server is killed."""
    handler.begin()
    handler.send(token_chunk("Once"))
    handler.send(token_chunk(" upon"))
    handler.close_connection = True


def unfinished(handler: Handler) -> None:
    """A stream that ends well on the wire, but whose answer has no end mark."""
    handler.begin()
    handler.send(token_chunk("Once"))
    handler.wfile.write(b"0\r\n\r\n")
