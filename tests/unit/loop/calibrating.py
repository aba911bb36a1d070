"""Labelled rows in a file, services that know their vectors, and a middling SLM and LLM."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from tandem.models.tier import Completion, Token
from tests.unit.fakes import completion
from tests.unit.quality.calibration.rows import LABELS, SIZE, WORDS
from tests.unit.services import FakeServices

TEXTS = [f"gold {word} on day {day}" for day in range(40) for kind in WORDS for word in kind]


def label_of(text: str) -> str:
    return LABELS[next(at for at, words in enumerate(WORDS) if text.split()[1] in words)]


def write_rows(path: Path, texts: list[str] = TEXTS, **changed: Any) -> Path:
    rows = [{"text": text, "label": label_of(text)} for text in texts]
    path.write_text("\n".join(json.dumps({**row, **changed}) for row in rows), "utf-8")
    return path


class Leaning(Embeddings):
    """Vectors that lean to the text's label, some of them to another."""

    fingerprint = "leaning"

    def embed_query(self, text: str) -> list[float]:
        generator = np.random.default_rng(len(text) * 1000 + int(text.rsplit(maxsplit=1)[-1]))
        vector = np.eye(SIZE)[LABELS.index(label_of(text))] + generator.normal(0, 0.5, SIZE)
        return [float(one) for one in vector / np.linalg.norm(vector)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def answers(seed: int, right: float) -> Iterator[Completion]:
    """Endless answers that know nothing of the text: one label with a probability."""
    generator = np.random.default_rng(seed)
    while True:
        said = LABELS[generator.integers(0, 3)]
        chances = {label: (right if label == said else (1 - right) / 2) for label in LABELS}
        tops = {label: math.log(chance) for label, chance in chances.items()}
        yield completion(said, tokens=(Token(said, tops[said], tops),))


def calibrating(folder: Path, **given: Any) -> FakeServices:
    services = FakeServices(folder, slm=answers(1, 0.6), llm=answers(2, 0.9), **given)  # type: ignore[arg-type]
    services.__dict__["embeddings"] = Leaning()
    return services
