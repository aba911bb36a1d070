"""Sensitive runs of the bare graph: not traced, not kept in clear; a recorder holds what left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langsmith import run_trees
from langsmith.utils import get_env_var

from tandem.graphs.hybrid import build
from tandem.nodes.state import Context
from tandem.privacy import tracing
from tandem.privacy.detectors import scan
from tests.langsmith_recorder import Langsmith, recorder
from tests.unit.fakes import completion
from tests.unit.services import FakeServices

CARD = "4111 1111 1111 1111"
WORD = "xylophone"
SURE = completion("positive", logprob=-0.01)
Asked = dict[str, Any]


def asked(text: str, **fields: Any) -> Asked:
    labels = ["positive", "negative"]
    return {"request": {"text": text, "task": "sentiment", "labels": labels, **fields}}


@pytest.fixture
def langsmith(monkeypatch: pytest.MonkeyPatch) -> Iterator[Langsmith]:
    with recorder() as recorded:
        for name, value in (
            ("LANGSMITH_TRACING", "true"),
            ("LANGSMITH_ENDPOINT", recorded.url),
            ("LANGSMITH_API_KEY", "any"),
        ):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(run_trees, "_CLIENT", None)
        _forget()
        yield recorded
        _flush()
        _forget()


def _forget() -> None:
    cached: Any = get_env_var
    cached.cache_clear()
    tracing._masking_client.cache_clear()


def _flush() -> None:
    for client in (tracing._masking_client(scan), run_trees.get_cached_client()):
        client.flush(timeout=10)


def run(way: str, folder: Path, request: Asked) -> None:
    graph = build(FakeServices(folder, slm=[SURE] * 3)).compile()
    if way == "invoke":
        assert graph.invoke(request)["answer"]["status"] == "accepted"
    elif way == "stream":
        list(graph.stream(request))
    elif way == "copied":
        graph.with_config(tags=["a"]).invoke(request)
    elif way == "ainvoke":
        asyncio.run(graph.ainvoke(request))
    else:
        asyncio.run(_events(graph, request))


async def _events(graph: Any, request: Asked) -> None:
    async for _ in graph.astream_events(request, version="v2"):
        pass


WAYS = ["invoke", "stream", "copied", "ainvoke", "astream_events"]


@pytest.mark.parametrize("way", WAYS)
def test_a_sensitive_run_of_the_bare_graph_is_not_traced(
    langsmith: Langsmith, tmp_path: Path, way: str
) -> None:
    run(way, tmp_path, asked(f"{WORD}, pay with {CARD}"))
    run(way, tmp_path, asked(f"{WORD} told in confidence", sensitivity="secret"))
    _flush()
    assert langsmith.holding(CARD, WORD) == []


@pytest.mark.parametrize("way", WAYS)
def test_another_run_of_the_bare_graph_is_traced(
    langsmith: Langsmith, tmp_path: Path, way: str
) -> None:
    run(way, tmp_path, asked(f"a fine {WORD}"))
    _flush()
    assert langsmith.holding(WORD)


def test_what_a_model_says_is_masked(langsmith: Langsmith, tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[f"The {WORD} costs 3, card {CARD}."], llm_private=True)
    build(services).compile().invoke({"request": {"text": "Write a note.", "task": "draft"}})
    _flush()
    assert langsmith.holding(WORD)
    assert langsmith.holding(CARD) == []


def test_between_events_the_context_is_the_consumer_s(langsmith: Langsmith, tmp_path: Path) -> None:
    from langsmith.utils import tracing_is_enabled

    graph = build(FakeServices(tmp_path, slm=[SURE])).compile()
    enabled = [tracing_is_enabled() for _ in graph.stream(asked(CARD))]
    assert enabled
    assert all(enabled)
    assert langsmith.holding(CARD) == []


THREAD: Any = {"configurable": {"thread_id": "t"}}


def written(saver: InMemorySaver) -> str:
    return repr(
        [list(saver.storage.items()), list(saver.blobs.items()), list(saver.writes.items())]
    )


def kept(saver: Any, folder: Path, text: str, context: Context | None = None) -> list[str]:
    graph = build(FakeServices(folder, slm=[SURE])).compile(checkpointer=saver)
    reasons: list[str] = graph.invoke(asked(text), THREAD, context=context)["answer"]["reasons"]
    return reasons


def test_a_sensitive_run_is_not_kept_in_clear_and_says_so(tmp_path: Path) -> None:
    saver = InMemorySaver()
    reasons = kept(saver, tmp_path, f"pay with {CARD}", Context(run_id="r7"))
    assert any("no checkpoint was written: the request is personal" in each for each in reasons)
    assert CARD not in written(saver)
    assert list(saver.list(THREAD)) == []


def test_another_run_is_kept(tmp_path: Path) -> None:
    saver = InMemorySaver()
    reasons = kept(saver, tmp_path, f"a fine {WORD}")
    assert not any("checkpoint" in each for each in reasons)
    assert WORD in written(saver)


def test_a_checkpointer_that_encrypts_keeps_a_sensitive_run(tmp_path: Path) -> None:
    saver = InMemorySaver(serde=EncryptedSerializer(_Reversed()))
    reasons = kept(saver, tmp_path, f"pay with {CARD}")
    assert not any("checkpoint" in each for each in reasons)
    assert list(saver.list(THREAD))
    assert CARD not in written(saver)


class _Reversed:
    """No cipher, but enough to tell what passed through it."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "reversed", plaintext[::-1]

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        assert ciphername == "reversed"
        return ciphertext[::-1]
