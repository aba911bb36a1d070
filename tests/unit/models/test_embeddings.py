from __future__ import annotations

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from langchain_core.embeddings import Embeddings

from tandem.errors import ModelFileError, SettingsError
from tandem.models import embeddings as module
from tandem.models.embeddings import (
    OnnxMiniLM,
    VectorCache,
    build_embeddings,
    embed_all,
    fingerprint_of,
    unit,
)
from tandem.settings import EmbeddingSettings, Settings


class FakeSession:
    """A token's hidden state is its id and a one; counts its runs."""

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run(self, names: list[str], feed: dict[str, Any]) -> list[Any]:
        ids = feed["input_ids"]
        self.lengths.append(ids.shape[1])
        assert names == ["last_hidden_state"]
        assert feed["attention_mask"].shape == feed["token_type_ids"].shape == ids.shape
        return [np.stack([ids, np.ones_like(ids)], axis=2).astype(np.float32)]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    fake = FakeSession()
    monkeypatch.setattr(OnnxMiniLM, "_open_session", lambda self: fake)
    return fake


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    words = {"[UNK]": 0, "one": 1, "two": 2, "three": 3}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    # As the real file does, which would cut at 128 tokens and pad to as many.
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def minilm(tokenizer_file: Path, **options: Any) -> OnnxMiniLM:
    return OnnxMiniLM(tokenizer_file.parent / "model.onnx", tokenizer_file, **options)


def test_mean_of_the_tokens_with_unit_length(session: FakeSession, tokenizer_file: Path) -> None:
    vector = minilm(tokenizer_file).embed_query("one two three")
    assert vector == pytest.approx([2 / 5**0.5, 1 / 5**0.5])
    assert session.lengths == [3]


def test_long_texts_are_cut_and_none_is_padded(session: FakeSession, tokenizer_file: Path) -> None:
    model = minilm(tokenizer_file, max_tokens=5)
    model.embed_documents(["one " * 9, "one"])
    assert session.lengths == [5, 1]


def test_documents_and_queries_agree_and_keep_their_order(
    session: FakeSession, tokenizer_file: Path
) -> None:
    model = minilm(tokenizer_file)
    texts = ["three", "one", "one two"]
    assert model.embed_documents(texts) == [model.embed_query(text) for text in texts]


def test_a_text_is_embedded_once_while_cached(session: FakeSession, tokenizer_file: Path) -> None:
    model = minilm(tokenizer_file, cached_texts=2)
    for text in ("one", "two", "one", "three", "one", "two"):
        model.embed_query(text)
    assert len(session.lengths) == 4
    uncached = minilm(tokenizer_file, cached_texts=0)
    uncached.embed_documents(["one", "one"])
    assert len(session.lengths) == 6


def test_lone_surrogates_are_embedded(session: FakeSession, tokenizer_file: Path) -> None:
    assert len(minilm(tokenizer_file).embed_query("one \ud800")) == 2


def test_threads_load_once(
    monkeypatch: pytest.MonkeyPatch, session: FakeSession, tokenizer_file: Path
) -> None:
    opened: list[int] = []

    def open_session(self: OnnxMiniLM) -> FakeSession:
        opened.append(1)
        return session

    monkeypatch.setattr(OnnxMiniLM, "_open_session", open_session)
    model = minilm(tokenizer_file)
    assert not opened
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.embed_query, ["one two", "three"] * 50))
    assert opened == [1]
    assert all(vector == found[i % 2] for i, vector in enumerate(found))


def test_missing_and_damaged_files(
    tmp_path: Path, tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = minilm(tokenizer_file)
    with pytest.raises(ModelFileError, match=r"model.onnx does not exist.*tandem models pull"):
        model.embed_query("one")
    (tmp_path / "model.onnx").write_bytes(b"cut short")
    with pytest.raises(ModelFileError, match=r"model.onnx is damaged.*tandem models verify"):
        model.embed_query("one")
    monkeypatch.setattr(OnnxMiniLM, "_open_session", lambda self: FakeSession())
    tokenizer_file.write_text("{")
    with pytest.raises(ModelFileError, match=r"tokenizer.json is damaged"):
        model.embed_query("one")


def test_the_cache_drops_what_was_unused_longest() -> None:
    cache, vector = VectorCache(2), np.zeros(1, np.float32)
    cache.put("a", vector)
    cache.put("b", vector)
    assert cache.get("a") is vector
    cache.put("c", vector)
    assert [cache.get(text) is not None for text in "abc"] == [True, False, True]


def test_embed_all_reports_progress(session: FakeSession, tokenizer_file: Path) -> None:
    seen: list[int] = []
    matrix = embed_all(minilm(tokenizer_file), ["one", "two", "three"], seen.append, batch=2)
    assert matrix.shape == (3, 2)
    assert seen == [2, 3]
    assert embed_all(minilm(tokenizer_file), []).size == 0


def test_unit_leaves_a_zero_vector_alone() -> None:
    scaled = unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    assert scaled.tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]


def test_build_embeddings_asks_for_model_and_tokenizer(tmp_path: Path) -> None:
    asked: list[str] = []

    def resolve(name: str) -> Path:
        asked.append(name)
        return tmp_path / name

    built = build_embeddings(Settings(), resolve)
    assert isinstance(built, Embeddings)
    assert asked == ["all-minilm-l6-v2", "all-minilm-l6-v2-tokenizer"]
    assert fingerprint_of(built) == f"onnx:all-minilm-l6-v2:{module.MAX_TOKENS}"


def test_huggingface_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    settings = Settings(embeddings=EmbeddingSettings(backend="huggingface", model="a/b"))
    with pytest.raises(SettingsError, match=r"sentence-transformers.*-e '\.\[hf\]'"):
        build_embeddings(settings, Path)


def test_fingerprint_of_other_embeddings() -> None:
    class Hosted:
        model = "text-embedding-4"

    assert fingerprint_of(Hosted()) == "Hosted:text-embedding-4"  # type: ignore[arg-type]
