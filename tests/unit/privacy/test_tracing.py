"""Traces go to a recorder on loopback; what must not leave is searched for in all it received."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import langsmith
import pytest
from langchain_core.tracers.context import tracing_v2_enabled
from langchain_core.tracers.langchain import LangChainTracer
from langgraph.graph import END, START, StateGraph
from langsmith import run_trees, traceable
from langsmith.utils import get_env_var
from typing_extensions import TypedDict

from tandem.privacy import tracing
from tandem.privacy.detectors import scan
from tandem.privacy.tracing import anonymizer, traced
from tandem.records import SENSITIVITIES, Sensitivity

CARD = "4111 1111 1111 1111"
WORD = "xylophone-7"


class Recorder(ThreadingHTTPServer):
    """Takes whatever a LangSmith client sends; `bodies` holds it, unpacked."""

    bodies: list[bytes]

    def said(self) -> bytes:
        return b"".join(self.bodies)


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def _answer(self, body: bytes = b"{}") -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._answer(b'{"version": "0.10.0"}')

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.append(body)
        self._answer()

    do_PATCH = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    server = Recorder(("127.0.0.1", 0), _Handler)
    server.bodies = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for name, value in (
        ("LANGSMITH_TRACING", "true"),
        ("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{server.server_port}"),
        ("LANGSMITH_API_KEY", "planted-nowhere"),
        ("LANGSMITH_DISABLE_RUN_COMPRESSION", "true"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(run_trees, "_CLIENT", None)
    _forget()
    yield server
    _forget()
    server.shutdown()
    thread.join()
    server.server_close()


def _forget() -> None:
    """No settings or clients of another test."""
    cached: Any = get_env_var
    cached.cache_clear()
    tracing._masking_client.cache_clear()


def flush() -> None:
    for client in (tracing._masking_client(scan), run_trees.get_cached_client()):
        client.flush(timeout=10)
        assert not client.tracing_queue or not client.tracing_queue.unfinished_tasks


class State(TypedDict, total=False):
    text: str
    answer: str


def graph() -> Any:
    builder = StateGraph(State)
    builder.add_node("echo", lambda state: {"answer": f"{WORD} {state['text']}"})
    builder.add_edge(START, "echo")
    builder.add_edge("echo", END)
    return builder.compile()


def test_without_it_the_text_would_leave(recorder: Recorder) -> None:
    graph().invoke({"text": CARD})
    flush()
    assert CARD.encode() in recorder.said()


@pytest.mark.parametrize("sensitivity", ["personal", "secret"])
def test_a_sensitive_run_sends_nothing(recorder: Recorder, sensitivity: Any) -> None:
    with traced(sensitivity, scan):
        answer = graph().invoke({"text": CARD})
        list(graph().stream({"text": CARD}))
    flush()
    assert answer["answer"] == f"{WORD} {CARD}"
    assert recorder.said() == b""


def test_a_sensitive_run_inside_a_traced_function_sends_nothing_of_its_own(
    recorder: Recorder,
) -> None:
    @traceable
    def outer() -> str:
        with traced("personal", scan):
            graph().invoke({"text": CARD})
        return "done"

    with tracing_v2_enabled():
        outer()
    flush()
    assert b"done" in recorder.said()
    assert CARD.encode() not in recorder.said()
    assert WORD.encode() not in recorder.said()


def test_a_tracer_handed_over_by_the_caller_sends_nothing(recorder: Recorder) -> None:
    with traced("personal", scan):
        graph().invoke({"text": CARD}, {"callbacks": [LangChainTracer()]})
    flush()
    assert CARD.encode() not in recorder.said()


def test_another_run_is_traced_and_masked(recorder: Recorder) -> None:
    with traced("none", scan):
        graph().invoke({"text": f"pay with {CARD}"})
    flush()
    assert WORD.encode() in recorder.said()
    assert b"[PAYMENT_CARD]" in recorder.said()
    assert CARD.encode() not in recorder.said()


def test_tracing_goes_on_after_a_sensitive_run(recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), traced("secret", scan):
        raise ZeroDivisionError
    with traced("none", scan):
        graph().invoke({"text": "hello"})
    flush()
    assert WORD.encode() in recorder.said()


def test_what_may_be_seen_is_a_setting(recorder: Recorder) -> None:
    only_none: tuple[Sensitivity, ...] = ("none",)
    with traced("internal", scan, only_none):
        graph().invoke({"text": "hello"})
    flush()
    assert recorder.said() == b""


@pytest.mark.parametrize("sensitivity", SENSITIVITIES)
def test_without_tracing_nothing_is_made(sensitivity: Any) -> None:
    _forget()
    with traced(sensitivity, scan):
        graph().invoke({"text": "hello"})
    assert tracing._masking_client.cache_info().currsize == 0


def test_the_anonymizer_fits_a_client() -> None:
    client = langsmith.Client(
        api_url="http://127.0.0.1:9",
        api_key="x",
        info={},
        anonymizer=anonymizer(scan),
        auto_batch_tracing=False,
    )
    assert client._hide_run_inputs({"text": CARD}) == {"text": "[PAYMENT_CARD]"}
