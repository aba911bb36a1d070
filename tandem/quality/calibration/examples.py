"""Labelled rows, and the nearest of them to a text: they go into the prompt as past chat turns.

As turns they raised a small model's accuracy by 13 to 19 points on headlines; inside the user's
message they did nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from tandem.quality.calibration.arrays import Packed, pack, unpack

Matrix = NDArray[np.float32]


class PackedExamples(TypedDict):
    """Examples as JSON; `embeddings` with 8 bits a number."""

    texts: list[str]
    labels: list[int]
    embeddings: Packed


@dataclass(frozen=True)
class Examples:
    """Labelled rows with their embeddings.

    Parameters
    ----------
    texts: the rows' texts. labels: the positions of their labels in the label set.
    embeddings: unit vectors, shape (rows, dimensions).
    """

    texts: Sequence[str]
    labels: Sequence[int]
    embeddings: Matrix

    def nearest(self, text: str, embedding: Matrix, k: int) -> list[int]:
        """The k nearest rows, nearest first; never the text itself, whatever its case and spaces:
        a row that is its own example would promise what no new text keeps."""
        if not k or not self.texts:
            return []
        own = self._same.get(same_key(text), ())
        order = np.argsort(-(self.embeddings @ embedding), kind="stable")[: k + len(own)]
        return [int(row) for row in order if row not in own][:k]

    @cached_property
    def _same(self) -> dict[str, tuple[int, ...]]:
        rows: dict[str, tuple[int, ...]] = {}
        for row, text in enumerate(self.texts):
            key = same_key(text)
            rows[key] = (*rows.get(key, ()), row)
        return rows

    def packed(self) -> PackedExamples:
        """As JSON."""
        return {
            "texts": list(self.texts),
            "labels": list(self.labels),
            "embeddings": pack(self.embeddings, "i1"),
        }

    @classmethod
    def unpacked(cls, packed: PackedExamples) -> Examples:
        """Out of JSON. Raises ValueError where it is damaged."""
        if len(packed["texts"]) != len(packed["labels"]):
            raise ValueError("the examples are damaged")
        return cls(packed["texts"], packed["labels"], unpack(packed["embeddings"]))


def same_key(text: str) -> str:
    """What two texts have in common that differ in nothing but case and white space."""
    return " ".join(text.casefold().split())
