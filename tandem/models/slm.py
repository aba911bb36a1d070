"""The SLM's client: langchain-huggingface, for the embedded server, TGI, vLLM or a hosted endpoint.

ChatHuggingFace turns messages, tools and chunks into LangChain's; the bytes go through `HubWire`
instead of huggingface_hub's InferenceClient, which (1.33) keeps every response open until it is
closed itself, follows redirects with the prompt, sends the user's saved hub token to any URL that
has no key of its own, refuses loopback when HF_HUB_OFFLINE is set, and rewrites `response_format`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tandem.models.call import CallError, answered_by
from tandem.models.client import Client
from tandem.models.wire import http_client
from tandem.settings import Dialect

if TYPE_CHECKING:
    import httpx


class HubWire:
    """Stands where ChatHuggingFace expects huggingface_hub's InferenceClient."""

    def __init__(self, http: httpx.Client, url: str, api_key: str, model: str) -> None:
        self._http = http
        self._url = _completions_url(url)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model

    def chat_completion(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        extra_body: Mapping[str, Any],
        tools: Sequence[Mapping[str, Any]] | None = None,
        stream_options: Mapping[str, Any] | None = None,
        **_ignored: Any,
    ) -> Iterator[dict[str, Any]]:
        """Chunks of the answer. ChatHuggingFace's own defaults (`_ignored`) are not sent: among
        them a temperature of 0.8; all parameters come in `extra_body`."""
        body = {"model": self._model, "messages": messages, "stream": True, **extra_body}
        if stream_options:
            body["stream_options"] = stream_options
        if tools:
            body["tools"] = tools
        with self._http.stream("POST", self._url, json=body, headers=self._headers) as response:
            for chunk in _chunks(response.iter_lines()):
                answered_by(chunk.get("model") or self._model)  # ChatHuggingFace drops it
                yield chunk


def hugging_face_client(
    *,
    url: str,
    api_key: str,
    model: str,
    dialect: Dialect,
    connect_s: float = 5.0,
    own_grammars: bool = False,
) -> Client:
    """A client over ChatHuggingFace for the endpoint `url` (with or without /v1)."""
    from langchain_huggingface import ChatHuggingFace, HuggingFaceEndpoint

    http = http_client(url, dialect)
    # No token here: HuggingFaceEndpoint would build its own client with it.
    endpoint = HuggingFaceEndpoint(endpoint_url=url, task="conversational")  # type: ignore[call-arg]
    endpoint.client = HubWire(http, url, api_key, model or "default")
    chat = ChatHuggingFace(llm=endpoint, model_kwargs={"temperature": 0.0})
    return Client(chat, http, dialect, model, connect_s, own_grammars)


def _completions_url(url: str) -> str:
    base = url.rstrip("/")
    if base.endswith("/chat/completions"):
        return base
    return f"{base}/chat/completions" if base.endswith("/v1") else f"{base}/v1/chat/completions"


def _chunks(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Server-sent events as chunks (https://html.spec.whatwg.org/multipage/server-sent-events)."""
    for line in lines:
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        chunk = json.loads(data)
        if "error" in chunk:
            raise CallError("broken", "the server reported an error in mid-answer")
        yield chunk
