"""Going on with a text that an earlier answer left unfinished.

"Continue" after an earlier turn of the assistant: the turn is read back (headings, sections,
sources), and only what is missing is planned and written. The request before it is the brief.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from tandem.nodes.longform.assembling import SOURCES
from tandem.nodes.longform.evidence import Passage
from tandem.nodes.longform.lengths import word_count
from tandem.nodes.longform.writing import Section
from tandem.records import Message, Request

UNTITLED: Final = "Beginning"
"""Title of what a text without headings holds so far."""
_CONTINUE: Final = re.compile(
    r"\W*(?:please |now |ok(?:ay)?,? |can you |could you |bitte )*(?:continue|go on|carry on|"
    r"keep (?:going|writing|on)|resume|finish|write the rest|proceed|weiter|schreib(?:e)? weiter|"
    r"fortsetzen|mach(?:e)? weiter|continuez?|poursuiv|sigue|contin\u00faa|ga (?:door|verder)|"
    r"prosegui|continua)\b",
    re.IGNORECASE,
)
_MOST_WORDS: Final = 15
"""A longer request says more than "continue"."""
_HEADING: Final = re.compile(r"^## +(.+?)[ #]*$", re.MULTILINE)
_SOURCES: Final = re.compile(rf"^#+ {SOURCES}[ \t]*$", re.MULTILINE)
_SOURCE: Final = re.compile(r"^- \[(\d+)\] (.+), `([^`\n]+)`\s*$", re.MULTILINE)
_WHOLE: Final = re.compile(r"[.!?\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*\s*\Z")
_LAST_SENTENCE: Final = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s")


class Unfinished(NamedTuple):
    """A text on which to go on."""

    brief: str
    """The request that began it."""
    sections: list[Section]
    passages: list[Passage]
    """What it cites, p1 first; their texts are not known any more."""
    open_end: bool
    """Whether the last section ends in mid-sentence; that piece of a sentence is left out."""


def unfinished(request: Request) -> Unfinished | None:
    """The text that `request` asks to go on with; None where it asks for a new one."""
    turns = [turn for turn in request.get("messages", []) if turn["role"] != "system"]
    if not _asks_on(request["text"]) or not any(turn["role"] == "assistant" for turn in turns):
        return None
    first = _first_brief(turns)
    text = _joined([turn["content"] for turn in turns[first + 1 :] if turn["role"] == "assistant"])
    if not text.strip():
        return None
    passages, numbers = _sources(text)
    sections = _sections(_SOURCES.split(text)[0], numbers)
    open_end = bool(sections) and not _WHOLE.search(sections[-1]["text"])
    if open_end:
        sections[-1]["text"] = _whole_sentences(sections[-1]["text"])
        open_end = bool(sections[-1]["text"])
        sections = sections if open_end else sections[:-1]
    brief = turns[first]["content"] if first >= 0 else request["text"]
    return Unfinished(brief, sections, passages, open_end)


def _first_brief(turns: Sequence[Message]) -> int:
    """Position of the last turn of the user's that is more than "continue"; -1: there is none.

    What comes before any answer has nothing to go on with, whatever it begins with ("Resume of our
    review, 1500 words").
    """
    users = [at for at, turn in enumerate(turns) if turn["role"] == "user"]
    answer = next(at for at, turn in enumerate(turns) if turn["role"] == "assistant")
    briefs = [at for at in users if at < answer or not _asks_on(turns[at]["content"])]
    return briefs[-1] if briefs else -1


def _asks_on(text: str) -> bool:
    return _CONTINUE.match(text) is not None and word_count(text) <= _MOST_WORDS


def _joined(texts: Sequence[str]) -> str:
    """What several answers make: each goes on from the one before, or holds it."""
    whole = ""
    for text in texts:
        again = text.lstrip().startswith(whole.lstrip()[:80])
        whole = text if again else f"{_SOURCES.split(whole)[0].rstrip()}\n\n{text.lstrip()}"
    return whole


def _sections(text: str, numbers: dict[str, str]) -> list[Section]:
    """The sections below "## " headings. A text without any is one section without a title; what
    stands above the first heading (title, summary) is written anew."""
    pieces = _HEADING.split(text)
    pairs = list(zip(pieces[1::2], pieces[2::2], strict=True))
    if not pairs:
        first, _, rest = text.strip().partition("\n")
        pairs = [(first.strip("# "), rest) if first.startswith("#") else (UNTITLED, text)]
    return [
        Section(
            title=title.strip(),
            text=re.sub(r"\[(\d+)\]", lambda m: numbers.get(m[1], ""), body.strip()),
            aim=word_count(body),
            by="earlier",
            repaired=False,
        )
        for title, body in pairs
        if body.strip()
    ]


def _sources(text: str) -> tuple[list[Passage], dict[str, str]]:
    """The passages of the list of sources, and the mark in place of each number."""
    _, _, listed = text.partition(f"# {SOURCES}")
    passages: dict[str, Passage] = {}
    numbers: dict[str, str] = {}
    for number, heading, chunk in _SOURCE.findall(listed):
        source = chunk.rpartition("#")[0] or chunk
        passages.setdefault(chunk, Passage(id=chunk, source=source, heading=heading, text=heading))
        numbers[number] = f"[p{list(passages).index(chunk) + 1}]"
    return list(passages.values()), numbers


def _whole_sentences(text: str) -> str:
    ends = [match.start() for match in _LAST_SENTENCE.finditer(text)]
    return text[: ends[-1]].rstrip() if ends else ""
