"""Hashed word features of a text: words and pairs of words, and pieces of 2 to 5 characters.

The same function serves fitting and inference, so no vocabulary is kept. Hashing: Weinberger et al.
(2009), Feature hashing for large scale multitask learning.
"""

from __future__ import annotations

import itertools
import re
from binascii import crc32
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORD: Final = re.compile(r"\w+")
MAX_CHARS: Final = 1000
"""Of longer texts the beginning counts: a head answers in milliseconds, or it is no head."""
PIECES: Final = range(2, 6)


@dataclass(frozen=True)
class Sparse:
    """A row of few numbers among many: positions (rising) and values."""

    positions: NDArray[np.int32]
    values: NDArray[np.float32]


def counts(text: str, size: int) -> Counter[int]:
    """How often each of `size` hashed features stands in `text`."""
    found = Counter(_features(text[:MAX_CHARS].casefold()))
    hashed: Counter[int] = Counter()
    for feature, times in found.items():
        hashed[crc32(feature.encode("utf-8", "replace")) % size] += times
    return hashed


def tf_idf(found: Counter[int], idf: NDArray[np.float32]) -> Sparse:
    """(1 + log count) x idf, of unit length; empty for a text without any feature."""
    positions = np.fromiter(found, dtype=np.int32, count=len(found))
    times = np.fromiter(found.values(), dtype=np.float32, count=len(found))
    order = np.argsort(positions)
    positions, times = positions[order], times[order]
    values = (1 + np.log(times)) * idf[positions] if len(found) else times
    length = float(np.sqrt(np.sum(values * values)))
    return Sparse(positions, values / np.float32(length or 1.0))


def inverse_frequency(rows: list[Counter[int]], size: int) -> NDArray[np.float32]:
    """Smoothed idf of `size` features: 1 + log((1 + rows) / (1 + rows that have it))."""
    having = np.zeros(size)
    for row in rows:
        having[list(row)] += 1
    return (1 + np.log((1 + len(rows)) / (1 + having))).astype(np.float32)


def _features(text: str) -> Iterator[str]:
    words = _WORD.findall(text)
    yield from words
    for first, second in itertools.pairwise(words):
        yield f"{first} {second}"
    for word in words:
        edged = f" {word} "
        for length in PIECES:
            for start in range(len(edged) - length + 1):
                # A mark of their own keeps pieces apart from whole words.
                yield f"#{edged[start : start + length]}"
