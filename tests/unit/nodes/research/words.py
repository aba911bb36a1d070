"""Embeddings by shared words, for tests: texts with words in common are near."""

from __future__ import annotations

import zlib

from langchain_core.embeddings import Embeddings

from tandem.knowledge.lexical import terms


class WordEmbeddings(Embeddings):
    """A word is a direction of 256."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed_query(self, text: str) -> list[float]:
        self.embedded += 1
        vector = [0.0] * 256
        for term in set(terms(text)):
            vector[zlib.crc32(term.encode()) % 256] += 1.0
        return vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]
