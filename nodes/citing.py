"""What tasks over the knowledge base share: passages into the prompt, citations out of the answer.

Citations are computed, not asked from the model: which passages hold the words and numbers of each
sentence. A small model cites at random, and says "not found" at the wrong time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tandem.errors import InvalidRequest
from tandem.knowledge.index import Hit
from tandem.nodes.task import Prepared
from tandem.nodes.texts import earlier_turns
from tandem.quality.support import known_names, supporting
from tandem.records import GateFailure, Message, Request

Passage = Mapping[str, Any]
"""{"id", "source", "heading", "text"}."""
PASSAGE_CHARS: Final = 900
_ATTRIBUTION: Final = re.compile(
    r"\A\W*(?:based on|according to|as stated in) (?:the|these|this) (?:(?:given|provided) )?"
    r"(?:passages?|text|context|information)(?: (?:provided|given|above))?(?: \([^()]*\))?,?\s*",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r"\s*\[\d{1,2}\]")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


class Searcher(Protocol):
    """The knowledge base, as far as these tasks need it."""

    def search(self, text: str, k: int, tenant: str = "") -> list[Hit]:
        """The `k` chunks of the tenant's knowledge that fit `text` best, best first."""
        ...


def retrieve(
    request: Request,
    searcher: Searcher,
    top_k: int,
    min_score: float,
    names_must_be_known: bool = True,
) -> Prepared:
    """`question`, `turns` (earlier ones), `passages`, `cosine` (the best one) and `found`.

    A question that follows others is searched for together with the user's last one. `found` is
    False where no passage is near enough (the best cosine is below `min_score`), or where the
    question names something (Berlin, Apple Pay) that none of them does: on 68 handbook questions
    with an answer that was never so. Without `names_must_be_known` only the cosine counts: a
    customer's message holds the customer's own name.

    Raises
    ------
    InvalidRequest: the text is empty.
    KnowledgeError, ModelFileError: from the searcher.
    """
    question = request["text"].strip()
    if not question:
        raise InvalidRequest("The request has no text.", "Give the question as `text`.")
    turns = earlier_turns(request)
    asked = [turn["content"] for turn in turns if turn["role"] == "user"][-1:]
    hits = searcher.search("\n".join([*asked, question]), top_k, request.get("tenant", ""))
    cosine = max((hit["cosine"] for hit in hits), default=-1.0)
    passages = [_passage(hit) for hit in hits]
    foreign = known_names(question, [searchable(passage) for passage in passages])
    found = cosine >= min_score and not (foreign and names_must_be_known)
    return {
        "question": question,
        "turns": turns,
        "passages": passages if found else [],
        "cosine": cosine,
        "found": found,
    }


def prompt_messages(
    instructions: str, prepared: Prepared, ask: str, example: Sequence[Message] = ()
) -> list[Message]:
    """Instructions, an example, earlier turns, then the passages and `ask`; the fixed part first.

    The best passage comes last, next to the question: on 12 handbook questions the 0.5B answered 10
    from the right passage so, and 7 with the best one first.
    """
    passages = "\n\n".join(
        f"Passage ({passage['heading']}):\n{shown(passage['text'])}"
        for passage in reversed(prepared["passages"])
    )
    return [
        {"role": "system", "content": instructions},
        *example,
        *prepared["turns"],
        {"role": "user", "content": f"{passages}\n\n{ask}"},
    ]


def shown(text: str) -> str:
    """A passage's text as the model reads it: links by their words, cut at PASSAGE_CHARS."""
    plain = _LINK.sub(r"\1", text).strip()
    if len(plain) <= PASSAGE_CHARS:
        return plain
    return plain[:PASSAGE_CHARS].rsplit(None, 1)[0] + " ..."


def plain_answer(text: str, passages: Sequence[Passage]) -> str:
    """The model's text without "Based on the passages," and without headings that it copied."""
    said = _NUMBERED.sub("", _ATTRIBUTION.sub("", text)).strip()
    headings = {heading for passage in passages for heading in _headings(passage)}
    lines = [line for line in said.splitlines() if line.strip(" *#>:()") not in headings]
    plain = "\n".join(lines).strip()
    return plain[:1].upper() + plain[1:]


def citations(text: str, passages: Sequence[Passage]) -> list[dict[str, str]]:
    """`{"id", "source", "heading"}` of the passages that support `text`, best-ranked first."""
    cited = supporting(text, [searchable(passage) for passage in passages])
    return [{key: passages[at][key] for key in ("id", "source", "heading")} for at in cited]


def cited_texts(
    cited: Sequence[Mapping[str, str]], passages: Sequence[Passage]
) -> tuple[list[str], list[GateFailure]]:
    """The texts of the cited passages; a citation of a passage that was not retrieved fails."""
    by_id = {passage["id"]: searchable(passage) for passage in passages}
    known = [by_id[citation["id"]] for citation in cited if citation["id"] in by_id]
    if len(known) < len(cited):
        failure = GateFailure(gate="citation", detail="a cited passage does not exist")
        return known, [failure]
    return known, []


def searchable(passage: Passage) -> str:
    """Heading and text: what an answer may draw on."""
    return f"{passage['heading']}\n{passage['text']}"


def _headings(passage: Passage) -> set[str]:
    path = passage["heading"].split(" > ")
    return {" > ".join(path[at:]) for at in range(len(path))}


def _passage(hit: Hit) -> dict[str, str]:
    chunk = hit["chunk"]
    return {
        "id": chunk["id"],
        "source": chunk["source"],
        "heading": chunk["heading"],
        "text": chunk["text"],
    }
