"""A label head: logistic regression over a text's embedding and its words. No language model.

It answers in milliseconds and is right as often as its labelled rows allow: with thousands of them
more often than a small language model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from tandem.quality.calibration.arrays import Packed, pack, unpack
from tandem.quality.calibration.linear import Linear, PackedLinear, fit_linear, folds
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.words import counts, inverse_frequency, tf_idf

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
BUCKETS: Final = 1 << 15
FOLDS: Final = 4
STRENGTH: Final = 10.0
MANY_LABELS: Final = 20
"""From here on words add next to nothing to the embedding (0.003 on 77 labels), and cost space."""


class Guess(NamedTuple):
    """What a head says of a text."""

    label: int
    score: float
    """Calibrated probability that `label` is right."""
    log_probabilities: Matrix
    """Of all labels, shape (labels,)."""


class PackedHead(TypedDict):
    """A Head as JSON."""

    linear: PackedLinear
    words: PackedLinear | None
    idf: Packed | None
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Head:
    """logits = embedding x linear + words x `words`; then the probability of being right.

    Parameters
    ----------
    linear: over the embedding. words: over hashed words, None where they do not help.
    idf: weights of the hashed words, shape (BUCKETS,).
    right: from the likeliest label's probability to that of its being right.
    """

    linear: Linear
    words: Linear | None
    idf: Matrix | None
    right: Monotone

    def __call__(self, text: str, embedding: Matrix) -> Guess:
        """The label of `text`, whose embedding (unit length) is known."""
        logits = embedding @ self.linear.weights + self.linear.bias
        if self.words is not None and self.idf is not None:
            row = tf_idf(counts(text, len(self.idf)), self.idf)
            logits = logits + row.values @ self.words.weights[row.positions]
        logs = self.linear.log_probabilities(logits)
        best = int(logs.argmax())
        return Guess(best, float(self.right(np.exp(logs[best : best + 1]))[0]), logs)

    def packed(self) -> PackedHead:
        """As JSON."""
        return {
            "linear": self.linear.packed(),
            "words": self.words.packed("i1") if self.words else None,
            "idf": pack(self.idf, "f2") if self.idf is not None else None,
            "x": list(self.right.x),
            "y": list(self.right.y),
        }

    @classmethod
    def unpacked(cls, packed: PackedHead) -> Head:
        """Out of JSON. Raises ValueError where it is damaged."""
        words, idf = packed["words"], packed["idf"]
        return cls(
            Linear.unpacked(packed["linear"]),
            Linear.unpacked(words) if words else None,
            unpack(idf) if idf else None,
            Monotone(tuple(packed["x"]), tuple(packed["y"])),
        )


class FittedHead(NamedTuple):
    """A head as its file will hold it, and what it says of its own rows when they are held out (by
    cross-validation)."""

    head: Head
    log_probabilities: Matrix
    """Shape (rows, labels)."""
    scores: Floats
    """Probability of being right, shape (rows,)."""
    right: NDArray[np.bool_]


def fit_head(
    texts: Sequence[str], embeddings: Matrix, labels: NDArray[np.int64], count: int
) -> FittedHead:
    """Fit a head to labelled rows, and its probabilities to held-out answers.

    Parameters
    ----------
    embeddings: unit vectors, shape (rows, dimensions). labels: 0 to count - 1.

    Raises
    ------
    ValueError: only one label has rows.
    """
    rows = [counts(text, BUCKETS) for text in texts] if count < MANY_LABELS else None
    held_out = np.zeros((len(labels), count), dtype=np.float32)
    dealt = folds(labels, FOLDS)
    for fold in range(FOLDS):
        inside, outside = dealt != fold, dealt == fold
        model, idf = _fit(embeddings, rows, labels, count, inside)
        features = _features(embeddings, rows, idf, outside)
        held_out[outside] = model(features)
    chosen = held_out.argmax(axis=1)
    confidence = np.exp(held_out.max(axis=1)).astype(float)
    right = chosen == labels
    monotone = Monotone.fit(confidence, right)
    model, idf = _fit(embeddings, rows, labels, count, np.ones(len(labels), dtype=bool))
    size = embeddings.shape[1]
    head = Head(
        linear=Linear(model.weights[:size], model.bias),
        words=Linear(model.weights[size:], np.zeros_like(model.bias)) if rows else None,
        idf=idf,
        right=monotone,
    )
    # Files keep fewer bits of a weight; what is measured is what will answer.
    kept = Head.unpacked(head.packed())
    return FittedHead(kept, held_out, monotone(confidence), right)


def _fit(
    embeddings: Matrix,
    rows: list[Counter[int]] | None,
    labels: NDArray[np.int64],
    count: int,
    used: NDArray[np.bool_],
) -> tuple[Linear, Matrix | None]:
    idf = None
    if rows is not None:
        idf = inverse_frequency([row for row, use in zip(rows, used, strict=True) if use], BUCKETS)
    features = _features(embeddings, rows, idf, used)
    return fit_linear(features, labels[used], count, STRENGTH), idf


def _features(
    embeddings: Matrix, rows: list[Counter[int]] | None, idf: Matrix | None, used: NDArray[np.bool_]
) -> Any:
    if rows is None or idf is None:
        return embeddings[used]
    from scipy import sparse  # type: ignore[import-untyped]

    made = [tf_idf(row, idf) for row, use in zip(rows, used, strict=True) if use]
    values = np.concatenate([row.values for row in made])
    positions = np.concatenate([row.positions for row in made])
    ends = np.cumsum([0, *(len(row.positions) for row in made)])
    words = sparse.csr_matrix((values, positions, ends), shape=(len(made), BUCKETS))
    return sparse.hstack([sparse.csr_matrix(embeddings[used]), words], format="csr")
