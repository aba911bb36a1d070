"""One endpoint's client: a prompt in, a reply out, streamed under a deadline.

slm.py and llm.py make it over their LangChain chat model; all else is the same for both.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tandem.models import dialects
from tandem.models.call import Call, CallError, current
from tandem.models.tier import Prompt, Token, ToolCall
from tandem.models.window import estimate_tokens
from tandem.records import Finish, Message, Usage
from tandem.settings import Dialect

if TYPE_CHECKING:
    import httpx
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk, BaseMessage

_NO_LOGPROB: Final = -1e9
"""Stands for a log-probability that the server left out."""


NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True)
class RawReply:
    """What an endpoint answered, before prices."""

    text: str
    model: str
    finish: Finish
    usage: Usage
    tokens: tuple[Token, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    notes: Mapping[str, float] = field(default_factory=dict)
    """What was redacted for the model and could not be restored, as signals of the attempt."""


@dataclass
class _Parts:
    """What came so far. Only what LangChain's chunks hold; merging the chunks themselves would
    copy all log-probabilities for each token."""

    text: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    """By index: name and arguments (JSON text)."""
    usage: Usage | None = None
    finish: str | None = None
    model: str = ""


@dataclass(frozen=True)
class Client:
    """A chat model behind one endpoint, with one connection pool. Safe for use by threads."""

    chat: BaseChatModel
    http: httpx.Client
    dialect: Dialect
    model: str
    """The name that the server is asked for; reported where the server tells none."""
    connect_s: float = 5.0
    own_grammars: bool = False

    def stream(
        self,
        prompt: Prompt,
        deadline: float,
        on_token: Callable[[str], None] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, Any] = NOTHING,
    ) -> RawReply:
        """Ask, and read the answer as it comes.

        Parameters
        ----------
        deadline: Unix time, seconds; the connection is closed then, whatever it is doing.
        tools: JSON-schema functions to be called natively.
        extra: further fields of the request's body.

        Raises
        ------
        CallError: no whole answer came; its cause holds no text of the request or the server.
        """
        call = Call(deadline, self.connect_s)
        parts = _Parts()
        with current(call), _untraced():
            try:
                self._read(call, prompt, tools, parts, on_token, extra)
            except _ListenerError as error:
                raise error.original from None
            except Exception as error:  # each layer has its own errors: all are told by `explain`
                raise call.explain(error) from None
        if parts.finish is None:
            call.check()
            raise CallError("broken", "the answer ended without an end mark")
        return self._reply(prompt, parts, call)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _read(
        self,
        call: Call,
        prompt: Prompt,
        tools: Sequence[Mapping[str, Any]],
        parts: _Parts,
        on_token: Callable[[str], None] | None,
        extra: Mapping[str, Any],
    ) -> None:
        body = dialects.body(prompt, self.dialect, own_grammars=self.own_grammars) | dict(extra)
        chat = self.chat.bind_tools([_function(tool) for tool in tools]) if tools else self.chat
        chunks = chat.stream(
            _to_langchain(prompt.messages),
            # Own callbacks: none, so that neither LangGraph's `messages` stream nor a tracer of
            # the surrounding run gets the prompt or its tokens.
            {"callbacks": [], "tags": ["nostream"]},
            extra_body=body,
            stream_usage=True,
        )
        for chunk in chunks:
            call.check()
            text = _add(parts, chunk)  # type: ignore[arg-type]
            if text and on_token is not None:
                _tell(on_token, text)

    def _reply(self, prompt: Prompt, parts: _Parts, call: Call) -> RawReply:
        text, tokens = _whole("".join(parts.text)), tuple(parts.tokens)
        if prompt.choices is not None:
            text, tokens = dialects.unwrap_choice(text, tokens, self.dialect)
        return RawReply(
            text=text,
            model=_short(call.model or parts.model or self.model),
            finish=dialects.finish(parts.finish),
            usage=parts.usage or _counted(prompt, parts),
            tokens=tokens,
            tool_calls=tuple(_tool_call(*parts.calls[index]) for index in sorted(parts.calls)),
        )


class _ListenerError(Exception):
    """The listener of the tokens raised; no fault of the endpoint."""

    def __init__(self, original: Exception) -> None:
        super().__init__(type(original).__name__)
        self.original = original


def _tell(on_token: Callable[[str], None], text: str) -> None:
    try:
        on_token(text)
    except Exception as error:
        raise _ListenerError(error) from None


@contextlib.contextmanager
def _untraced() -> Iterator[None]:
    """No LangSmith tracing inside: neither by the environment nor by a surrounding context.

    `callbacks=[]` is not enough: LangChain adds its tracer whenever tracing is on. The graph's own
    trace shows the step; the prompt itself must not leave beside the guard.
    """
    from langchain_core.tracers.context import tracing_v2_callback_var
    from langsmith import tracing_context

    token = tracing_v2_callback_var.set(None)
    try:
        with tracing_context(enabled=False):
            yield
    finally:
        tracing_v2_callback_var.reset(token)


def _add(parts: _Parts, chunk: AIMessageChunk) -> str:
    """Take what `chunk` brings; returns its text."""
    metadata = chunk.response_metadata
    parts.finish = metadata.get("finish_reason") or parts.finish
    parts.model = metadata.get("model_name") or parts.model
    if chunk.usage_metadata:
        parts.usage = {
            "input_tokens": chunk.usage_metadata["input_tokens"],
            "output_tokens": chunk.usage_metadata["output_tokens"],
        }
    parts.tokens += _tokens(metadata.get("logprobs") or {})
    for piece in chunk.tool_call_chunks:
        known = parts.calls.setdefault(piece["index"] or 0, ["", ""])
        known[0] += piece["name"] or ""
        known[1] += piece["args"] or ""
    text = chunk.content if isinstance(chunk.content, str) else ""
    parts.text.append(text)
    return text


def _tokens(logprobs: Mapping[str, Any]) -> Iterable[Token]:
    for entry in logprobs.get("content") or ():
        top = {alt["token"]: _number(alt.get("logprob")) for alt in entry.get("top_logprobs") or ()}
        yield Token(entry["token"], _number(entry.get("logprob")), top)


def _number(logprob: float | None) -> float:
    return _NO_LOGPROB if logprob is None else logprob


def _tool_call(name: str, arguments: str) -> ToolCall:
    # Arguments that are no JSON object stay empty: the tool's validation names what is missing.
    try:
        parsed = json.loads(arguments or "{}")
    except ValueError:
        parsed = {}
    return ToolCall(name, parsed if isinstance(parsed, dict) else {})


def _counted(prompt: Prompt, parts: _Parts) -> Usage:
    """Usage where the server reports none: the answer's tokens counted, the prompt's estimated."""
    answer = len(parts.tokens) or estimate_tokens("".join(parts.text))
    asked = sum(estimate_tokens(message["content"]) for message in prompt.messages)
    return {"input_tokens": asked, "output_tokens": answer}


def _whole(text: str) -> str:
    """`text` without halves of characters (lone surrogates), which nothing could write down."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _short(model: str) -> str:
    """llama.cpp gives its file's path: only the name is reported."""
    if model.endswith(".gguf"):
        return PurePosixPath(model.replace("\\", "/")).stem
    return model


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": dict(tool)}


def _to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[message["role"]](content=message["content"]) for message in messages]
