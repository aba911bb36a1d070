"""What a request is researched in: its own documents, or else the tenant's knowledge base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tandem.errors import DocumentError
from tandem.knowledge.in_memory import InMemoryIndex
from tandem.knowledge.index import Hit
from tandem.nodes.research.records import Documents, Passage
from tandem.quality.support import known_names
from tandem.records import Document, Request
from tandem.services import Services


class Searcher(Protocol):
    """Something that finds chunks."""

    def search(self, text: str, k: int) -> list[Hit]:
        """The `k` chunks that fit `text` best, best first."""
        ...


@dataclass(frozen=True)
class Collection:
    """Where passages come from.

    Parameters
    ----------
    min_score: least cosine of the best passage; below it nothing is kept.
    documents: which of the request's documents were read; None for the knowledge base.
    """

    searcher: Searcher
    min_score: float
    documents: Documents | None = None

    def passages(self, question: str, k: int) -> list[Passage]:
        """The passages that retrieval keeps for `question`, best first: none where none is near
        enough, or where the question names something that none of them does.

        Raises
        ------
        KnowledgeError, ModelFileError: from the search.
        """
        hits = self.searcher.search(question, k)
        if max((hit["cosine"] for hit in hits), default=-1.0) < self.min_score:
            return []
        passages = [_passage(hit) for hit in hits]
        texts = [f"{one['source']}\n{one['heading']}\n{one['text']}" for one in passages]
        return [] if known_names(question, texts) else passages


def collection_of(services: Services, request: Request) -> Collection:
    """The collection of a request, of whose documents some can be read."""
    settings = services.settings
    documents = request.get("documents", [])
    if not documents:
        tenant = request.get("tenant", "")
        return Collection(_Knowledge(services, tenant), settings.knowledge.min_score)
    texts = named_texts(documents)
    index = InMemoryIndex(texts, lambda: services.embeddings, settings.knowledge.chunk_words)
    return Collection(index, settings.knowledge.min_score, documents_read(documents))


@dataclass(frozen=True)
class _Knowledge:
    services: Services
    tenant: str

    def search(self, text: str, k: int) -> list[Hit]:
        return self.services.search(text, k, self.tenant)


def refuse_unreadable(documents: Sequence[Document]) -> None:
    """Raise DocumentError where there are documents, and none of them can be read."""
    told = documents_read(documents)
    if documents and not told["read"]:
        raise DocumentError(
            f"None of the {len(documents)} documents can be read; nothing was asked. "
            f"The first: {told['unreadable'][0]['why']}",
            "Give documents with text: Markdown, text, or PDFs that are no scans.",
        )


def documents_read(documents: Sequence[Document]) -> Documents:
    """Which documents have text, which have none, and why, and which were cut."""
    unreadable = [one for one in documents if not _text(one)]
    return {
        "read": len(documents) - len(unreadable),
        "unreadable": [
            {"name": one["name"], "why": one.get("unreadable") or f"{one['name']} is empty."}
            for one in unreadable
        ],
        "cut": [
            {"name": one["name"], "read": len(one["text"]), "characters": one["whole_chars"]}
            for one in documents
            if _text(one) and one.get("whole_chars", 0) > len(one["text"])
        ],
    }


def named_texts(documents: Sequence[Document]) -> dict[str, str]:
    """The readable documents by name; of the same name by a number too."""
    texts: dict[str, str] = {}
    for document in documents:
        if text := _text(document):
            name, number = document["name"], 2
            while name in texts:
                name, number = f"{document['name']} ({number})", number + 1
            texts[name] = text
    return texts


def _text(document: Mapping[str, Any]) -> str:
    text = document.get("text", "")
    return text if isinstance(text, str) and text.strip() else ""


def _passage(hit: Hit) -> Passage:
    chunk = hit["chunk"]
    return {
        "id": chunk["id"],
        "source": chunk["source"],
        "heading": chunk["heading"],
        "text": chunk["text"],
        "start": chunk["start"],
        "score": round(float(hit["score"]), 4),
    }
