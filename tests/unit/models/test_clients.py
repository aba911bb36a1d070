"""What goes over the wire, and what comes of it, for both clients."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.tracers.context import tracing_v2_callback_var
from langchain_core.tracers.langchain import LangChainTracer
from langsmith.utils import get_env_var

from tandem.models import dialects
from tandem.models.call import CallError
from tandem.models.cancel import Cancellation
from tandem.models.client import Client
from tandem.models.llm import openai_client
from tandem.models.slm import hugging_face_client
from tandem.models.tier import Prompt, ToolCall
from tests import loopback
from tests.loopback import answer, serve, status, tool_answer

SECRET = "Alice Adams owes 12 pounds"
ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": SECRET},
]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}
Connect = Callable[..., Client]


@pytest.fixture(params=[hugging_face_client, openai_client], ids=["huggingface", "openai"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    made: list[Client] = []

    def build(url: str, dialect: str = "llamacpp", **fields: Any) -> Client:
        given = {"api_key": "key-1", "model": "asked-model", **fields}
        made.append(request.param(url=url, dialect=dialect, **given))
        return made[-1]

    yield build
    for client in made:
        client.close()


def prompt(**fields: Any) -> Prompt:
    return Prompt(ASKED, 60, **fields)  # type: ignore[arg-type]


def soon(seconds: float = 5.0) -> float:
    return time.time() + seconds


def test_the_wire_carries_what_was_asked(connect: Connect) -> None:
    with serve(answer("yes")) as server:
        connect(server.url).stream(prompt(), soon())
    body = server.body
    assert body["messages"] == ASKED
    assert body["temperature"] == 0.0
    assert body["max_tokens"] == 60
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
    assert body["cache_prompt"] is True
    assert body["model"] == "asked-model"
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}
    assert server.seen[-1].path == "/v1/chat/completions"
    assert {k.lower(): v for k, v in server.seen[-1].headers.items()}["authorization"] == (
        "Bearer key-1"
    )


@pytest.mark.parametrize(
    ("dialect", "field"),
    [
        ("llamacpp", "json_schema"),
        ("tgi", "response_format"),
        ("vllm", "structured_outputs"),
        ("openai", "response_format"),
    ],
)
def test_the_schema_reaches_the_wire_as_the_dialect_has_it(
    connect: Connect, dialect: str, field: str
) -> None:
    asked = prompt(schema=SCHEMA)
    with serve(answer("{}")) as server:
        connect(server.url, dialect).stream(asked, soon())
    assert server.body[field] == dialects.body(asked, dialect)[field]  # type: ignore[arg-type]


def test_a_temperature_that_is_asked_is_sent(connect: Connect) -> None:
    with serve(answer("a")) as server:
        connect(server.url).stream(prompt(temperature=0.7), soon())
    assert server.body["temperature"] == 0.7


def test_the_reply_holds_text_tokens_usage_and_who_answered(connect: Connect) -> None:
    heard: list[str] = []
    with serve(answer(("yes", {"yes": -0.1, "no": -2.4}), " indeed", finish="length")) as server:
        reply = connect(server.url).stream(prompt(), soon(), heard.append)
    assert reply.text == "yes indeed"
    assert heard == ["yes", " indeed"]
    assert reply.tokens[0].top == {"yes": -0.1, "no": -2.4}
    assert [token.text for token in reply.tokens] == ["yes", " indeed"]
    assert reply.usage == {"input_tokens": 40, "output_tokens": 2}
    assert reply.finish == "length"
    assert reply.model == "served-model"


def test_half_a_character_is_replaced_and_a_split_one_put_together(connect: Connect) -> None:
    with serve(answer("a\ud800", "b \ud83d", "\ude00")) as server:
        assert connect(server.url).stream(prompt(), soon()).text == "a\ufffdb \U0001f600"


def test_usage_is_counted_where_the_server_tells_none(connect: Connect) -> None:
    with serve(answer("a", "b", usage=False)) as server:
        usage = connect(server.url).stream(prompt(), soon()).usage
    assert usage["output_tokens"] == 2
    assert 5 < usage["input_tokens"] < 20


@pytest.mark.parametrize(("dialect", "connections"), [("tgi", 1), ("vllm", 1), ("llamacpp", 3)])
def test_one_connection_serves_all_calls_but_of_llama_cpp(
    connect: Connect, dialect: str, connections: int
) -> None:
    with serve(answer("a")) as server:
        client = connect(server.url, dialect)
        for _ in range(3):
            client.stream(prompt(), soon())
    assert len(server.ports) == connections


def test_a_choice_comes_bare_from_the_openai_dialect(connect: Connect) -> None:
    with serve(answer('{"choice":"', ("no", {"no": -0.1, "yes": -2.4}), '"}')) as server:
        reply = connect(server.url, "openai").stream(prompt(choices=["yes", "no"]), soon())
    assert reply.text == "no"
    assert [token.text for token in reply.tokens] == ["no"]


def test_native_tool_calls_are_put_together(connect: Connect) -> None:
    tool = {"name": "add", "description": "adds", "parameters": SCHEMA}
    with serve(tool_answer(("add", '{"name":"x"}'), ("add", '{"name":'))) as server:
        reply = connect(server.url).stream(prompt(), soon(), tools=[tool])
    assert reply.tool_calls == (ToolCall("add", {"name": "x"}), ToolCall("add", {}))
    assert server.body["tools"] == [{"type": "function", "function": tool}]
    assert server.body["temperature"] == 0.0


@pytest.mark.parametrize("turn", [loopback.silence, loopback.stall, loopback.drip])
def test_the_deadline_holds_whatever_the_server_does(connect: Connect, turn: loopback.Turn) -> None:
    with serve(turn) as server:
        client = connect(server.url)
        started = time.monotonic()
        with pytest.raises(CallError) as caught:
            client.stream(prompt(), soon(0.4))
        took = time.monotonic() - started
        assert caught.value.kind == "deadline"
        assert 0.3 < took < 1.5
        assert server.closed.wait(2), "the connection was left open"


@pytest.mark.parametrize("turn", [loopback.silence, loopback.stall, loopback.drip])
def test_cancelling_closes_the_connection_at_once(connect: Connect, turn: loopback.Turn) -> None:
    cancellation = Cancellation()
    with serve(turn) as server:
        client = connect(server.url)
        threading.Timer(0.3, cancellation.cancel).start()
        started = time.monotonic()
        with pytest.raises(CallError) as caught:
            cancellation.context().run(client.stream, prompt(), soon())
        assert caught.value.kind == "cancelled"
        assert time.monotonic() - started < 1.5
        assert server.closed.wait(2), "the connection was left open"


def test_cancelled_work_sends_nothing(connect: Connect) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with serve(answer("a")) as server:
        with pytest.raises(CallError) as caught:
            cancellation.context().run(connect(server.url).stream, prompt(), soon())
        assert caught.value.kind == "cancelled"
        assert server.seen == []


def test_a_deadline_in_the_past_sends_nothing(connect: Connect) -> None:
    with serve(answer("a")) as server:
        with pytest.raises(CallError) as caught:
            connect(server.url).stream(prompt(), soon(-1))
        assert caught.value.kind == "deadline"
        assert server.seen == []


@pytest.mark.parametrize(
    ("turn", "kind"),
    [
        (status(401), "denied"),
        (status(403), "denied"),
        (status(429), "busy"),
        (status(500, f'{{"error": "cannot: {SECRET}"}}'), "busy"),
        (status(400, f'{{"error": {{"message": "bad: {SECRET}"}}}}'), "refused"),
        (status(400, '{"error":{"type":"exceed_context_size_error"}}'), "too_long"),
        (status(400, '{"error":{"code":"context_length_exceeded"}}'), "too_long"),
        (status(307, headers=[("location", "http://127.0.0.1:9/")]), "refused"),
        (loopback.broken, "broken"),
        (loopback.unfinished, "broken"),
        (lambda handler: setattr(handler, "close_connection", True), "broken"),
    ],
)
def test_failures_are_told_by_kind_and_without_a_word_of_the_text(
    connect: Connect, turn: loopback.Turn, kind: str
) -> None:
    with serve(turn) as server:
        with pytest.raises(CallError) as caught:
            connect(server.url).stream(prompt(), soon())
        assert len(server.seen) == 1, "the client itself must not try again"
    assert caught.value.kind == kind
    assert "Alice" not in str(caught.value)
    assert "key-1" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_error_in_mid_answer_is_told_without_its_text(connect: Connect) -> None:
    def turn(handler: loopback.Handler) -> None:
        handler.begin()
        handler.send(loopback.token_chunk("Once"))
        handler.send(f'{{"error": {{"message": "lost: {SECRET}", "code": 500}}}}')
        handler.wfile.write(b"0\r\n\r\n")

    with serve(turn) as server, pytest.raises(CallError) as caught:
        connect(server.url).stream(prompt(), soon())
    assert caught.value.kind == "broken"
    assert "Alice" not in str(caught.value)


def test_nobody_listening_is_unreachable(connect: Connect) -> None:
    with serve(answer("a")) as server:
        pass
    with pytest.raises(CallError) as caught:
        connect(server.url).stream(prompt(), soon())
    assert caught.value.kind == "unreachable"


def test_a_listener_that_raises_ends_the_call_with_its_own_error(connect: Connect) -> None:
    def listener(_text: str) -> None:
        raise KeyError("listener")

    with serve(loopback.drip) as server:
        with pytest.raises(KeyError, match="listener"):
            connect(server.url).stream(prompt(), soon(), listener)
        assert server.closed.wait(2)


def test_a_wait_that_the_server_asks_for_is_told(connect: Connect) -> None:
    with (
        serve(status(429, headers=[("retry-after", "7")])) as server,
        pytest.raises(CallError) as caught,
    ):
        connect(server.url).stream(prompt(), soon())
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("switched_on_by", ["environment", "context"])
def test_prompts_reach_no_tracer(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, switched_on_by: str
) -> None:
    traced: list[Any] = []

    class Recorder(LangChainTracer):
        def __init__(self, **_fields: Any) -> None:
            super().__init__(client=object())  # type: ignore[arg-type]

        def on_chat_model_start(self, *args: Any, **_kwargs: Any) -> Any:
            traced.append(args)

    monkeypatch.setattr("langchain_core.tracers.langchain.LangChainTracer", Recorder)
    get_env_var.cache_clear()  # type: ignore[attr-defined]
    if switched_on_by == "environment":
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
    token = tracing_v2_callback_var.set(Recorder() if switched_on_by == "context" else None)
    try:
        chunks = FakeListChatModel(responses=["a"]).stream("seen", {"callbacks": []})
        with contextlib.suppress(Exception):  # the recorder keeps no runs, so their end fails
            list(chunks)
        assert len(traced) == 1, "tracing is on, so that this test can fail"
        with serve(answer("a")) as server:
            connect(server.url).stream(prompt(), soon())
        assert len(traced) == 1
    finally:
        tracing_v2_callback_var.reset(token)
        get_env_var.cache_clear()  # type: ignore[attr-defined]
