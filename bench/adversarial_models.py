"""Fake models behind the real client, guard and graph: they answer at the client's transport, and
the public one records every byte that it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from unittest import mock

import httpx

from tandem.models import endpoint, llm, slm
from tandem.models.wire import DeadlineTransport

PUBLIC: Final = "http://public.test"
PRIVATE: Final = "http://private.test"
_KEYS: Final = ("red", "blue")
_PLACEHOLDER: Final = re.compile(r"<[A-Z_]+_\d+>")


@dataclass
class Models:
    """The models of one run. `failing` names hosts whose next answers are errors."""

    random: Random = field(default_factory=lambda: Random(0))
    says: str = "A short note about the meeting."
    """What a private model writes where it is free to."""
    steps: tuple[str, ...] = ("lookup",)
    failing: dict[str, int] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    """Bodies that the public model got."""
    calls: int = 0

    def begin(self, says: str, steps: tuple[str, ...], failing: Mapping[str, int]) -> None:
        """The next request."""
        self.says, self.steps, self.failing = says, steps, dict(failing)
        self.sent.clear()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request as a server of the chat-completions protocol."""
        body, url = request.read(), f"{request.url.scheme}://{request.url.host}"
        self.calls += 1
        if url == PUBLIC:
            self.sent.append(body)
        if self.failing.get(url, 0) > 0:
            self.failing[url] -= 1
            return httpx.Response(500, json={})
        content = self._answer(json.loads(body), url)
        # A stream that is not read yet, as it comes off a socket.
        return httpx.Response(
            200, headers={"content-type": "text/event-stream"}, stream=_Answer(_events(content))
        )

    def _answer(self, body: dict[str, Any], url: str) -> str:
        asked = "\n".join(message["content"] or "" for message in body["messages"])
        free = self.says if url == PRIVATE else self._echo(asked)
        described = body.get("response_format", {}).get("json_schema", {})
        return json.dumps(self._instance(described["schema"], free)) if described else free

    def _echo(self, asked: str) -> str:
        """An answer of the public model that says the placeholders again."""
        return f"Noted {' '.join(dict.fromkeys(_PLACEHOLDER.findall(asked)))}."

    def _instance(self, schema: dict[str, Any], free: str) -> Any:
        """JSON of `schema`, with `free` in its texts."""
        if {"s1"} <= schema.get("properties", {}).keys():
            return {
                f"s{k}": {"tool": tool, "arguments": {"key": _KEYS[k - 1]}}
                for k, tool in enumerate(self.steps, 1)
            }
        if "enum" in schema or "const" in schema:
            return self.random.choice(schema.get("enum") or [schema["const"]])
        if "anyOf" in schema:
            return self._instance(self.random.choice(schema["anyOf"]), free)
        kind = schema.get("type", "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            return {k: self._instance(v, free) for k, v in schema.get("properties", {}).items()}
        made: dict[str, Any] = {"string": free, "number": 3, "integer": 3, "boolean": True}
        return (
            [self._instance(schema.get("items", {}), free)] if kind == "array" else made.get(kind)
        )


class _Answer(httpx.SyncByteStream):
    def __init__(self, text: str) -> None:
        self._text = text

    def __iter__(self) -> Iterator[bytes]:
        yield self._text.encode()


def _events(content: str) -> str:
    """Server-sent events, in pieces that cut words and placeholders."""
    pieces = [content[at : at + 24] for at in range(0, len(content), 24)]
    chunks: list[dict[str, Any]] = [{"delta": {"content": piece}} for piece in pieces]
    chunks.append({"delta": {}, "finish_reason": "stop"})
    lines = [
        json.dumps(
            {
                "id": "c",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": "fake",
                "choices": [{"index": 0, "finish_reason": None, **chunk}],
            }
        )
        for chunk in chunks
    ]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])


@contextmanager
def installed(models: Models) -> Iterator[None]:
    """Every client that is made inside sends to `models`; retries do not wait."""

    def client(*_where: Any) -> httpx.Client:
        return httpx.Client(transport=DeadlineTransport(httpx.MockTransport(models)))

    with (
        mock.patch.object(slm, "http_client", client),
        mock.patch.object(llm, "http_client", client),
        mock.patch.object(endpoint, "_FIRST_PAUSE_S", 0.0),
    ):
        yield
