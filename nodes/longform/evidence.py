"""What a section may draw on: passages of the request's documents and of the knowledge base.

Each passage has a mark (p1, p2...) that the writer puts behind what it takes from it. A section is
given few passages, those that nobody used yet first: the same passage twice is the same text twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import TypedDict

from tandem.errors import KnowledgeError
from tandem.knowledge.chunks import chunk_page
from tandem.nodes.citing import Searcher, shown
from tandem.nodes.texts import Read
from tandem.quality.support import content_words
from tandem.records import Request
from tandem.settings import LongformSettings

DOCUMENT_PASSAGES: Final = 40
"""Of all documents of a request, those that say most about it."""
KNOWLEDGE_PASSAGES: Final = 8
"""Of the knowledge base, before there is an outline."""
SECTION_HITS: Final = 12
"""So many passages are looked through for some that no section used."""
CHUNK_WORDS: Final = 120


class Passage(TypedDict):
    """A passage; `id` is the chunk's, `source` the page or document it stands in."""

    id: str
    source: str
    heading: str
    text: str


Passages = Mapping[str, Passage]
"""By mark."""


@dataclass(frozen=True)
class Evidence:
    """Finds passages. No model but the embeddings is asked.

    Parameters
    ----------
    searcher: the knowledge base.
    read: the text of a document.
    """

    searcher: Searcher
    read: Read
    settings: LongformSettings

    def gathered(self, request: Request, brief: str) -> dict[str, Passage]:
        """Passages that are about the whole request: of its documents, then of the knowledge base.

        Raises
        ------
        DocumentError: from `read`.
        """
        found = self._of_documents(request, brief)
        found += self._searched(brief, KNOWLEDGE_PASSAGES, request.get("tenant", ""))
        return marked({}, found)

    def for_section(
        self,
        about: str,
        chosen: Collection[str],
        passages: Passages,
        used: Collection[str],
        tenant: str,
    ) -> dict[str, Passage]:
        """The passages of a section, by mark; new ones get the next marks.

        Parameters
        ----------
        about: the section's title and purpose.
        chosen: marks that the outline names.
        passages: all that have a mark yet.
        used: marks of earlier sections.
        """
        most = self.settings.passages
        hits = self._searched(about, min(most + len(used), SECTION_HITS) if most else 0, tenant)
        known = marked(passages, hits)
        of_hits = [mark for hit in hits for mark, one in known.items() if one["id"] == hit["id"]]
        ranked = dict.fromkeys([*_nearest(about, passages), *of_hits, *chosen])
        fresh = [mark for mark in ranked if mark in known and mark not in used]
        again = [mark for mark in ranked if mark in known and mark in used]
        return {mark: known[mark] for mark in [*fresh, *again][:most]}

    def _of_documents(self, request: Request, brief: str) -> list[Passage]:
        chunks = [
            chunk
            for document in request.get("documents", [])
            for chunk in chunk_page(document["name"], self.read(document), "markdown", CHUNK_WORDS)
        ]
        wanted = content_words(brief)
        chunks.sort(key=lambda chunk: -len(wanted & content_words(chunk["text"])))
        return [
            Passage(id=one["id"], source=one["source"], heading=one["heading"], text=one["text"])
            for one in chunks[:DOCUMENT_PASSAGES]
        ]

    def _searched(self, text: str, k: int, tenant: str) -> list[Passage]:
        """Nothing where there is no knowledge base, or none that is about it."""
        if not k:
            return []
        try:
            hits = self.searcher.search(text, k, tenant)
        except KnowledgeError:
            return []
        return [
            Passage(
                id=hit["chunk"]["id"],
                source=hit["chunk"]["source"],
                heading=hit["chunk"]["heading"],
                text=hit["chunk"]["text"],
            )
            for hit in hits
            if hit["cosine"] >= self.settings.min_score
        ]


def marked(passages: Passages, more: Sequence[Passage]) -> dict[str, Passage]:
    """`passages` with `more`, which get the next marks; a passage has one mark."""
    known = {one["id"] for one in passages.values()}
    fresh = {one["id"]: one for one in more if one["id"] not in known}
    start = len(passages) + 1
    return {**passages, **{f"p{at}": one for at, one in enumerate(fresh.values(), start)}}


def passage_lines(passages: Passages) -> list[str]:
    """Passages as the writer sees them."""
    return [
        f"<passage {mark}>{one['heading']}: {shown(one['text'])}</passage>"
        for mark, one in passages.items()
    ]


def _nearest(about: str, passages: Passages) -> list[str]:
    """Marks of the passages that share at least two words with `about`, best first."""
    wanted = content_words(about)
    shared = {
        mark: len(wanted & content_words(f"{one['heading']} {one['text']}"))
        for mark, one in passages.items()
    }
    return sorted((mark for mark in shared if shared[mark] > 1), key=lambda mark: -shared[mark])
