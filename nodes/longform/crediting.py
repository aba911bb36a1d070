"""Citations that the writer left out, or that are of another passage.

Small models rarely write one, whatever they are told. As in answers from the knowledge base
(nodes/citing.py), code finds the passage that holds most of a sentence's words and numbers, and
puts its mark there. A mark whose passage has next to none of the sentence's words is taken away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tandem.nodes.longform.checking import cited, sentences_of
from tandem.nodes.longform.evidence import Passages
from tandem.quality.support import content_words, supporting

LEAST_SHARE: Final = 0.6
"""Of a sentence's content words, so many must stand in a passage."""
LEAST_WORDS: Final = 5
"""A sentence with fewer content words rests on nothing."""
LEAST_SHARED: Final = 2
LEAST_CITED_SHARE: Final = 0.25
"""A sentence and a passage that it cites must share so many content words, and this share of the
sentence's: 94 % of sentences with another page's passage do not, 62 % with the one next to it."""
_ENGLISH: Final = re.compile(
    r"\b(?:the|and|that|with|by|are|from|this|they|every|which|for|their|has|its|a|an)\b", re.I
)
# A run of blanks is tried from its beginning alone: else a page of them takes minutes.
_MARK: Final = re.compile(r"(?<!\s)\s*\[(p\d{1,4})\]")
_STOP: Final = re.compile(r"([.!?\u3002][\"'\u201d\u2019)]*)\Z")
_LINE_BREAK: Final = re.compile(r"(\n+)")


def with_citations(text: str, passages: Passages) -> str:
    """The text without marks of passages that are about something else, and with one in each
    sentence that a passage supports and that has none."""
    if not passages:
        return text
    texts = {mark: f"{one['heading']}\n{one['text']}" for mark, one in passages.items()}
    lines = _LINE_BREAK.split(text)
    return "".join(line if _LINE_BREAK.match(line) else _credited(line, texts) for line in lines)


def _credited(line: str, texts: Mapping[str, str]) -> str:
    return " ".join(_with_mark(_without_strange(one, texts), texts) for one in sentences_of(line))


def _without_strange(sentence: str, texts: Mapping[str, str]) -> str:
    """`sentence` without the marks whose passage it has nothing from. Only in English: a passage in
    another language shares no words with what was made of it."""
    plain = _MARK.sub("", sentence)
    words = content_words(plain)
    if len(words) < LEAST_WORDS or not _ENGLISH.search(plain):
        return sentence

    def kept(match: re.Match[str]) -> str:
        text = texts.get(match[1], "")
        heading, _, rest = text.partition("\n")
        if heading == rest:  # of an earlier answer: its text is not known any more
            return match[0]
        shared = len(words & content_words(text))
        enough = shared >= LEAST_SHARED and shared >= LEAST_CITED_SHARE * len(words)
        return match[0] if enough or not _ENGLISH.search(text) else ""

    return _MARK.sub(kept, sentence)


def _with_mark(sentence: str, texts: Mapping[str, str]) -> str:
    if cited(sentence) or len(content_words(sentence)) < LEAST_WORDS:
        return sentence
    found = supporting(sentence, list(texts.values()), LEAST_SHARE)
    if not found:
        return sentence
    mark = f" [{list(texts)[found[0]]}]"
    marked = _STOP.sub(lambda end: mark + end[1], sentence)
    return marked if marked != sentence else sentence + mark
