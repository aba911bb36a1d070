"""Search over documents given by value: cut into chunks, nothing written.

Scores as those of the knowledge base (tandem/knowledge/index.py). Of many chunks only those are
embedded that share the most words with what is searched for, so that the work of a search is
bounded, whatever the documents' length.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from tandem.knowledge.chunks import Chunk, PageKind, chunk_page, indexed_text
from tandem.knowledge.documents import MARKDOWN_SUFFIXES
from tandem.knowledge.index import LEXICAL_WEIGHT, Hit
from tandem.knowledge.lexical import Lexicon

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.embeddings import Embeddings

EMBEDDED: Final = 96
"""Chunks that one search embeds at most: about 3 seconds of one thread. Vectors are kept by the
embeddings' own cache."""


class InMemoryIndex:
    """Chunks of documents.

    Parameters
    ----------
    texts: the documents' texts by their names; a name that ends in .md is Markdown.
    embeddings: gives the embedding model, on the first search.
    chunk_words: most words of a chunk.
    """

    def __init__(
        self, texts: Mapping[str, str], embeddings: Callable[[], Embeddings], chunk_words: int
    ) -> None:
        self._embeddings = embeddings
        self.chunks: Final[list[Chunk]] = [
            chunk
            for name, text in texts.items()
            for chunk in chunk_page(name, text, _kind(name), chunk_words)
        ]

    def search(self, text: str, k: int) -> list[Hit]:
        """The `k` chunks that fit `text` best, best first; fewer where there are fewer.

        Raises
        ------
        ModelFileError: the embedding model cannot be loaded.
        """
        if not text.strip() or k < 1 or not self.chunks:
            return []
        import numpy as np

        from tandem.models.embeddings import embed_all, unit

        lexical = self._lexicon.scores(text)
        rows = np.argsort(-lexical, kind="stable")[:EMBEDDED].tolist()
        embeddings = self._embeddings()
        query = unit(np.array([embeddings.embed_query(text)], dtype=np.float32))[0]
        vectors = embed_all(embeddings, [indexed_text(self.chunks[row]) for row in rows])
        hits = [
            self._hit(row, float(query @ vector), float(lexical[row]))
            for row, vector in zip(rows, vectors, strict=True)
        ]
        return sorted(hits, key=lambda hit: -hit["score"])[:k]

    def _hit(self, row: int, cosine: float, lexical: float) -> Hit:
        return {
            "chunk": self.chunks[row],
            "score": cosine + LEXICAL_WEIGHT * lexical,
            "cosine": cosine,
            "lexical": lexical,
        }

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon([indexed_text(chunk) for chunk in self.chunks])


def _kind(name: str) -> PageKind:
    return "markdown" if PurePath(name).suffix.lower() in MARKDOWN_SUFFIXES else "text"
