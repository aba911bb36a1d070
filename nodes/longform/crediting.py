"""Citations that the writer left out: small models rarely write one, whatever they are told.

As in answers from the knowledge base (nodes/citing.py), code finds the passage that holds most of a
sentence's words and numbers, and puts its mark there.
"""

from __future__ import annotations

import re
from typing import Final

from tandem.nodes.longform.checking import cited, sentences_of
from tandem.nodes.longform.evidence import Passages
from tandem.quality.support import content_words, supporting

LEAST_SHARE: Final = 0.6
"""Of a sentence's content words, so many must stand in a passage."""
LEAST_WORDS: Final = 5
"""A sentence with fewer content words rests on nothing."""
_STOP: Final = re.compile(r"([.!?\u3002][\"'\u201d\u2019)]*)\Z")
_LINE_BREAK: Final = re.compile(r"(\n+)")


def with_citations(text: str, passages: Passages) -> str:
    """The text with a mark in each sentence that a passage supports and that has none."""
    if not passages:
        return text
    marks = list(passages)
    texts = [f"{one['heading']}\n{one['text']}" for one in passages.values()]
    lines = _LINE_BREAK.split(text)
    return "".join(
        line if _LINE_BREAK.match(line) else _credited(line, marks, texts) for line in lines
    )


def _credited(line: str, marks: list[str], texts: list[str]) -> str:
    return " ".join(_with_mark(sentence, marks, texts) for sentence in sentences_of(line))


def _with_mark(sentence: str, marks: list[str], texts: list[str]) -> str:
    if cited(sentence) or len(content_words(sentence)) < LEAST_WORDS:
        return sentence
    found = supporting(sentence, texts, LEAST_SHARE)
    if not found:
        return sentence
    mark = f" [{marks[found[0]]}]"
    marked = _STOP.sub(lambda end: mark + end[1], sentence)
    return marked if marked != sentence else sentence + mark
