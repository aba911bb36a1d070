"""A small model whose adapter knows by heart what it learnt, and guesses the rest."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from tandem.loop.tune.learning import LearningSet, Privacy, learning_set
from tandem.loop.tune.tuning import remember
from tandem.models.adapters import AdapterCard, Adapters, slot_of
from tandem.models.files import sha256_of
from tandem.models.tier import CallContext, Completion, Prompt, Token
from tandem.nodes.tuned import asked_labels
from tandem.records import Usage
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.services import FakeServices

LABELS = ("down", "up")
GUESSED = 0.73
"""Share of right answers to what it did not learn."""


def truth(text: str) -> str:
    """No model can tell it from the text."""
    return LABELS[hashlib.sha256(text.encode()).digest()[0] % 2]


def guess(text: str) -> str:
    lucky = hashlib.sha256(f"guess {text}".encode()).digest()[0] < 256 * GUESSED
    return truth(text) if lucky else LABELS[1 - LABELS.index(truth(text))]


def write(path: Path, count: int, start: int = 0) -> Path:
    texts = [f"gold on day {number}" for number in range(start, start + count)]
    rows = [{"text": text, "label": truth(text)} for text in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Noise(Embeddings):
    fingerprint = "noise"

    def embed_query(self, text: str) -> list[float]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[1:5], "big")
        vector = np.random.default_rng(seed).normal(0, 1, 8)
        return [float(one) for one in vector / np.linalg.norm(vector)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class _Call(FakeTierCall):
    learnt: frozenset[str]

    def complete(self, prompt: Prompt) -> Completion:
        text = str(prompt.messages[-1]["content"])
        by_heart = prompt.adapter and text in self.learnt
        said = truth(text) if by_heart else guess(text)
        sure = 0.6 + 0.39 * hashlib.sha256(f"sure {text}".encode()).digest()[0] / 255
        tops = {label: math.log(sure if label == said else 1 - sure) for label in LABELS}
        self.done.append(completion(said, tokens=(Token(said, tops[said], tops),)))
        return self.done[-1]


class _Tier:
    name, private = "slm", True

    def __init__(self, learnt: frozenset[str]) -> None:
        self.learnt = learnt

    def bind(self, context: CallContext) -> _Call:
        call = _Call()
        call.learnt = self.learnt
        return call

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        return 0.0


def learnt_from(path: Path, test: Path | None = None, seed: int = 0) -> LearningSet:
    privacy = Privacy(lambda _: "none", frozenset({"none"}), str)
    return learning_set(path, LABELS, privacy, test, seed)


def promoted(folder: Path, given: LearningSet) -> FakeServices:
    """Services whose small model has learnt `given` by heart, with the adapter in force."""
    store = Adapters(folder / "adapters")
    made = store.prepare("by-heart")
    (made / "adapter.gguf").write_bytes(b"GGUF")
    card = AdapterCard(
        name="by-heart",
        task="sentiment",
        slot=slot_of("sentiment", asked_labels(LABELS)),
        base="base",
        base_sha256="b" * 64,
        sha256=sha256_of(made / "adapter.gguf"),
        made="2026-11-24",
        labels=LABELS,
        data=given.card,
    )
    store.write(replace(card))
    remember(store, card.name, given)
    store.promote(card.name)
    return services_of(folder, store, frozenset(row.text for row in given.train))


def services_of(folder: Path, store: Adapters, learnt: frozenset[str]) -> FakeServices:
    services = FakeServices(folder)
    held: dict[str, Any] = services.__dict__
    held |= {"adapters": store, "embeddings": Noise()}
    tier: Any = _Tier(learnt)
    services.tier = lambda name, task="": tier  # type: ignore[method-assign]
    services.adapter = (  # type: ignore[method-assign]
        lambda task, asked: store.in_force().get(slot_of(task, asked))
    )
    return services
