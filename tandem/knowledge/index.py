"""Search over the knowledge base: meaning (cosine) and words (BM25), fused.

The fused score is `cosine + BM25 / 25`. Measured on a handbook of 235 pages, it finds the gold
passage more often than either alone (bench/retrieval.py); weights of 1/40 to 1/15 do about as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from typing_extensions import TypedDict

from tandem.errors import KnowledgeError
from tandem.knowledge.chunks import Chunk, indexed_text
from tandem.knowledge.lexical import Lexicon
from tandem.knowledge.store import REMEDY, Snapshot, load

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings
    from numpy.typing import NDArray

    from tandem.knowledge.build import BuildReport
    from tandem.settings import Limits

LEXICAL_WEIGHT: Final = 1 / 25
_CANDIDATES: Final = 64
"""Chunks that each of the two searches puts forward, at least."""


class Hit(TypedDict):
    """A chunk found. `score` = `cosine` (-1 to 1) + `lexical` (BM25, 0 and up) / 25."""

    chunk: Chunk
    score: float
    cosine: float
    lexical: float


class KnowledgeIndex:
    """An index in memory; searching reads no disk and is thread-safe.

    Parameters
    ----------
    snapshot: pages, chunks and their vectors.
    embeddings: what the vectors were made with.
    """

    def __init__(self, snapshot: Snapshot, embeddings: Embeddings) -> None:
        self._pages = snapshot.pages
        self._vectors = snapshot.vectors
        self._embeddings = embeddings
        self._chunks = list(snapshot.chunks())
        self._lexicon = Lexicon([indexed_text(chunk) for chunk in self._chunks])

    @staticmethod
    def build(
        folder: Path,
        index_dir: Path,
        embeddings: Embeddings,
        limits: Limits,
        progress: Callable[[int, int], None] | None = None,
        *,
        chunk_words: int = 120,
    ) -> BuildReport:
        """Build or refresh the index of a folder; see tandem/knowledge/build.py."""
        from tandem.knowledge.build import build_index

        return build_index(folder, index_dir, embeddings, limits, progress, chunk_words=chunk_words)

    @classmethod
    def open(cls, index_dir: Path, embeddings: Embeddings) -> KnowledgeIndex:
        """Read an index from disk.

        Raises
        ------
        KnowledgeError: there is none, it is damaged, or was made with other embeddings.
        """
        from tandem.models.embeddings import fingerprint_of

        snapshot = load(index_dir)
        wanted = fingerprint_of(embeddings)
        if snapshot.fingerprint != wanted:
            raise KnowledgeError(
                f"The knowledge index in {index_dir} was made with the embeddings "
                f"{snapshot.fingerprint}, but the settings name {wanted}.",
                REMEDY,
            )
        return cls(snapshot, embeddings)

    @property
    def sources(self) -> tuple[str, ...]:
        """The pages' names: paths relative to the folder, with `/`."""
        return tuple(self._pages)

    @property
    def size(self) -> int:
        """Number of chunks."""
        return len(self._chunks)

    def search(self, text: str, k: int) -> list[Hit]:
        """The `k` chunks that fit `text` best, best first; fewer where there are fewer.

        Raises
        ------
        ModelFileError: the embedding model cannot be loaded.
        """
        if not text.strip() or k < 1:
            return []
        query = self._embed(text)
        lexical = self._lexicon.scores(text)
        hits = [self._hit(row, query, lexical) for row in self._candidates(query, lexical, k)]
        return sorted(hits, key=lambda hit: -hit["score"])[:k]

    def read(self, source: str) -> str:
        """The whole text of a page that is in the index, by its name (never a path).

        Raises
        ------
        KnowledgeError: the index has no such page.
        """
        if source not in self._pages:
            raise KnowledgeError(
                "The knowledge index has no page of that name.",
                "Use the `source` of a chunk that a search found.",
            )
        return self._pages[source]["text"]

    def _embed(self, text: str) -> NDArray[np.float32]:
        import numpy as np

        from tandem.models.embeddings import unit

        return unit(np.array([self._embeddings.embed_query(text)], dtype=np.float32))

    def _candidates(
        self, query: NDArray[np.float32], lexical: NDArray[np.float32], k: int
    ) -> list[int]:
        """Rows that are among the best by cosine or by BM25, each once, in rising order."""
        import numpy as np

        count = min(max(_CANDIDATES, 4 * k), len(self._chunks))
        _, nearest = self._vectors.search(query, count)
        by_words = np.argpartition(-lexical, count - 1)[:count]
        return sorted({*nearest[0].tolist(), *by_words.tolist()})

    def _hit(self, row: int, query: NDArray[np.float32], lexical: NDArray[np.float32]) -> Hit:
        cosine = float(query[0] @ self._vectors.reconstruct(row))
        words = float(lexical[row])
        return {
            "chunk": self._chunks[row],
            "score": cosine + LEXICAL_WEIGHT * words,
            "cosine": cosine,
            "lexical": words,
        }
