"""TF-IDF of words and pairs of words over a vocabulary small enough to lie in a JSON file."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tandem.quality.calibration.words import Sparse, inverse_frequency, tf_idf

_WORD: Final = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Vocabulary:
    """The terms that a head knows, and their weights.

    Parameters
    ----------
    idf: of each term, shape (terms,).
    """

    terms: tuple[str, ...]
    idf: NDArray[np.float32]

    def __call__(self, text: str) -> Sparse:
        """The row of `text`: (1 + log count) x idf of the known terms, of unit length."""
        return tf_idf(self.counts(text), self.idf)

    def counts(self, text: str) -> Counter[int]:
        """How often each known term stands in `text`, by its position."""
        found = Counter(terms_of(text))
        return Counter({self._at[term]: n for term, n in found.items() if term in self._at})

    def matrix(self, texts: Iterable[str]) -> Any:
        """The rows of `texts` as a sparse matrix, shape (texts, terms)."""
        from scipy import sparse  # type: ignore[import-untyped]

        rows = [self(text) for text in texts]
        values = np.concatenate([row.values for row in rows])
        positions = np.concatenate([row.positions for row in rows])
        ends = np.cumsum([0, *(len(row.positions) for row in rows)])
        return sparse.csr_matrix((values, positions, ends), shape=(len(rows), len(self.terms)))

    @cached_property
    def _at(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def fit(cls, texts: Sequence[str], groups: Sequence[str], most: int) -> Vocabulary:
        """The `most` commonest terms of `texts` that stand in two groups (contracts) at least: what
        only one contract says is no help with others, and may be somebody's name."""
        having: Counter[str] = Counter()
        where: dict[str, set[str]] = {}
        rows = [set(terms_of(text)) for text in texts]
        for row, group in zip(rows, groups, strict=True):
            having.update(row)
            for term in row:
                where.setdefault(term, set()).add(group)
        shared = [term for term in having if len(where[term]) > 1]
        terms = tuple(sorted(sorted(shared, key=lambda term: (-having[term], term))[:most]))
        bare = cls(terms, np.ones(len(terms), dtype=np.float32))
        idf = inverse_frequency([bare.counts(text) for text in texts], len(terms))
        return cls(terms, idf)


def terms_of(text: str) -> list[str]:
    """The words of `text` and its pairs of neighbours, lower case; no numbers."""
    words = _WORD.findall(text.casefold())
    return [*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))]
