"""Made-up labelled rows that a head can learn: words and vectors that lean to one of three."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WORDS = (("rises", "gains", "climbs"), ("falls", "drops", "slides"), ("holds", "waits", "opens"))
LABELS = ("down", "none", "up")
SIZE = 8


class Rows(NamedTuple):
    texts: list[str]
    embeddings: NDArray[np.float32]
    labels: NDArray[np.int64]


def make(count: int, seed: int = 0, noise: float = 0.6) -> Rows:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    noisy = np.where(generator.random(count) < 0.1, generator.integers(0, 3, count), labels)
    texts = [f"gold {generator.choice(WORDS[kind])} on day {i}" for i, kind in enumerate(noisy)]
    vectors = np.eye(SIZE)[labels] + generator.normal(0, noise, (count, SIZE))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Rows(texts, vectors.astype(np.float32), labels)


def spoken(rows: Rows, seed: int = 1) -> NDArray[np.float32]:
    """Log-probabilities of the labels, as a middling model would say them."""
    generator = np.random.default_rng(seed)
    logits = 1.5 * np.eye(3)[rows.labels] + generator.normal(0, 1, (len(rows.labels), 3))
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    result: NDArray[np.float32] = logits.astype(np.float32)
    return result
