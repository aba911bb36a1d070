"""What the routing head sees of a request beside the embedding: counts, and hashed words.

Cheap on purpose: under a millisecond for a long text, with nothing but the standard library and
numpy. Only the parts that the embedding sees too are read (see `head_text`), so that the time does
not grow with the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tandem.records import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WINDOW_CHARS: Final = 1000
"""Longer texts are read by their first and last halves of this: about the 256 tokens that the
embedding model sees. What a request asks stands before or after its data, seldom amid it."""
DOCUMENT_CHARS: Final = 200
"""How much of each document's beginning is hashed."""
DOCUMENTS: Final = 3
BUCKETS: Final = 4096
"""Hashed words share so many weights a task."""

COUNTS: Final = (
    "characters (log)",
    "words (log)",
    "lines (log)",
    "numbers (log)",
    "share of digits",
    "share of capitals",
    "share of letters beyond ASCII",
    "question marks (log)",
    "question words (log)",
    "starts with a question word",
    "listed points (log)",
    "asks (log)",
    "marks of code (log)",
    "quotation marks (log)",
    "currencies (log)",
    "documents (log)",
    "characters of documents (log)",
    "earlier messages (log)",
    "labels (log)",
    "a schema is given",
    "a template is given",
    "no text",
)
"""What `counts` counts, in its order; a head stores these names and refuses others."""

_WORD: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]", re.UNICODE)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_QUESTION: Final = re.compile(
    r"\b(?:who|what|when|where|why|how|which|whom|can|may|do|does|is|are|wer|was|wann|wo|warum|wie|"
    r"qui|que|quand|où|pourquoi|comment|quel|quelle|quién|qué|cuándo|dónde|cómo|cuántos)\b",
    re.IGNORECASE,
)
_POINT: Final = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s", re.MULTILINE)
_ASK: Final = re.compile(r"\b(?:and then|and also|also|then|und dann|et ensuite|y luego)\b", re.I)
_CODE: Final = re.compile(r"```|[{};]\s*$|\bdef |\bclass |\bimport |=>|</?\w+>|==", re.MULTILINE)
_QUOTE: Final = re.compile("[\"“”„«»]|(?<!\\w)'|'(?!\\w)")
_CURRENCY: Final = re.compile(r"[$€£¥]|\b(?:eur|euros?|usd|dollars?|chf|gbp|rm)\b", re.IGNORECASE)


def head_text(request: Request) -> str:
    """What of a request is embedded: its text, or its first document where it has none.

    Short texts stay as they are, so that a search for the same text finds the vector in the cache.
    """
    text = request["text"]
    if not text.strip() and (documents := request.get("documents")):
        text = documents[0].get("text", "")
    if len(text) <= WINDOW_CHARS:
        return text
    half = WINDOW_CHARS // 2
    return f"{text[:half]}\n{text[-half:]}"


def counts(request: Request) -> NDArray[np.float32]:
    """The cheap figures of a request, in the order of COUNTS."""
    import numpy as np

    text, documents = head_text(request), request.get("documents", [])
    figures = [
        _log(len(request["text"])),
        _log(len(text.split())),
        _log(text.count("\n")),
        _log(len(_NUMBER.findall(text))),
        _share(text, str.isdigit),
        _share(text, str.isupper),
        _share(text, lambda character: character.isalpha() and not character.isascii()),
        _log(text.count("?")),
        _log(len(_QUESTION.findall(text))),
        float(_QUESTION.match(text.lstrip()) is not None),
        *(_log(len(mark.findall(text))) for mark in (_POINT, _ASK, _CODE, _QUOTE, _CURRENCY)),
        _log(len(documents)),
        _log(sum(len(document.get("text", "")) for document in documents)),
        _log(len(request.get("messages", []))),
        _log(len(request.get("labels", []))),
        float(bool(request.get("output_schema"))),
        float(bool(request.get("template"))),
        float(not request["text"].strip()),
    ]
    return np.array(figures, dtype=np.float32)


def hashed(request: Request) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Buckets that the request's words fall into, each once, and their weights (length 1).

    Words, pairs of words, pieces of 3 to 5 letters (so that typos and inflections keep most of
    what they are), the first words and the last, the labels, and the beginnings of documents.
    The hash is CRC-32, which is the same everywhere.
    """
    import numpy as np

    buckets, times = np.unique(
        np.fromiter((_bucket(term) for term in _terms(request)), dtype=np.int64),
        return_counts=True,
    )
    weights = (1 + np.log(times)).astype(np.float32)
    return buckets, weights / max(float(np.linalg.norm(weights)), 1.0)


def _bucket(term: str) -> int:
    return crc32(term.encode("utf-8", "replace")) % BUCKETS


def _terms(request: Request) -> Iterator[str]:
    words = _words(head_text(request))
    yield from words
    yield from (f"{left} {right}" for left, right in pairwise(words))
    yield from (f"^{place} {word}" for place, word in enumerate(words[:3]))
    yield from (f"$ {word}" for word in words[-2:])
    for word in set(words):
        edged = f"<{word}>"
        for size in (3, 4, 5):
            yield from (f"~{edged[at : at + size]}" for at in range(len(edged) - size + 1))
    for label in request.get("labels", []):
        yield from (f"l:{word}" for word in _words(label.replace("_", " ")))
    for document in request.get("documents", [])[:DOCUMENTS]:
        yield from (f"d:{word}" for word in _words(document.get("text", "")[:DOCUMENT_CHARS]))


def _words(text: str) -> list[str]:
    """Lower-case words and signs; every number counts as the same word."""
    return ["0" if word.isdigit() else word for word in _WORD.findall(text.lower())]


def _log(count: int) -> float:
    return math.log1p(count)


def _share(text: str, holds: Callable[[str], bool]) -> float:
    return sum(map(holds, text)) / max(len(text), 1)
