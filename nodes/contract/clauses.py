"""A contract's text as clauses and segments, each with its offsets in the text.

A clause is a numbered or separate paragraph, which is what a lawyer cites; a segment is a sentence
of it, or a few short ones, which is what is read, quoted and found as evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from typing_extensions import TypedDict

MIN_SEGMENT: Final = 60
"""Characters; shorter sentences (headings, "No.") join the one after them."""
MAX_SEGMENT: Final = 700
"""Characters; longer sentences are cut after a semicolon, a comma or a space."""
WRAPPED_LINE: Final = 130
"""Characters; where no line is longer, the lines are a page's and not paragraphs."""
MIN_WORDS: Final = 6
"""A text without a clause of so many words is no contract."""

_MARKER: Final = re.compile(
    r"[ \t]*(?:(?P<word>article|section|clause|§)[ \t]*)?"
    r"(?P<mark>\d{1,3}(?:\.\d{1,3})*|[IVXL]{1,6}|[A-Z]|\([a-z]{1,4}\)|\(\d{1,2}\)|[a-z])"
    r"(?P<dot>[.):]+|(?=[ \t]))[ \t]*(?=\S|$)",
    re.IGNORECASE,
)
_BULLET: Final = re.compile(r"[ \t]*[\u2022\u25cf\u25aa*\u2013-][ \t]+")
_SENTENCE_END: Final = re.compile(
    r"(?<=[.;:?!])[\"\u201d\u2019)]?\s+(?=[\"\u201c\u2018(\[]?[A-Z0-9(])|\n"
)
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:no|nos|sec|art|inc|ltd|co|corp|llc|mr|mrs|ms|dr|st|vs|v|e\.g|i\.e|u\.s|etc|cf)"
    r"|\b[A-Z]|^\W*\d{1,3}(?:\.\d+)*|^\W*[ivxl]{1,4})\.$",
    re.IGNORECASE,
)


class Clause(TypedDict):
    """A paragraph of the contract; offsets are those of the contract's text."""

    id: str
    """`c1`, `c2`, in order."""
    number: str
    """As the contract numbers it ("4.2", "4(a)"); empty where it does not."""
    start: int
    end: int


class Segment(TypedDict):
    """A piece of a clause, small enough to be quoted."""

    clause: str
    start: int
    end: int


def split_clauses(text: str) -> list[Clause]:
    """The clauses of `text`, in order and without overlaps; white space lies between them."""
    clauses: list[Clause] = []
    main = ""
    for start, end in _paragraphs(text):
        number, is_main = _number(text[start:end], main)
        main = number if is_main else main
        clauses.append({"id": f"c{len(clauses) + 1}", "number": number, "start": start, "end": end})
    return clauses


def split_segments(text: str, clauses: list[Clause]) -> list[Segment]:
    """The segments of `clauses`, in order."""
    return [
        {"clause": clause["id"], "start": start, "end": end}
        for clause in clauses
        for start, end in _sentences(text, clause["start"], clause["end"])
    ]


def is_contract(text: str, clauses: list[Clause]) -> bool:
    """Whether any clause says something."""
    return any(len(text[c["start"] : c["end"]].split()) >= MIN_WORDS for c in clauses)


@dataclass(frozen=True)
class _Line:
    start: int
    end: int
    text: str

    @property
    def blank(self) -> bool:
        return not self.text.strip()


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each paragraph, without the white space around it."""
    lines = list(_lines(text))
    wrapped = max((len(line.text) for line in lines), default=0) <= WRAPPED_LINE
    opened: int | None = None
    before: _Line | None = None
    for line in lines:
        if line.blank:
            if opened is not None and before is not None:
                yield _trimmed(text, opened, before.end)
            opened, before = None, None
            continue
        if before is not None and opened is not None and _begins(line, before, wrapped):
            yield _trimmed(text, opened, before.end)
            opened = None
        opened = line.start if opened is None else opened
        before = line
    if opened is not None and before is not None:
        yield _trimmed(text, opened, before.end)


def _lines(text: str) -> Iterator[_Line]:
    at = 0
    for line in text.split("\n"):
        yield _Line(at, at + len(line), line)
        at += len(line) + 1


def _begins(line: _Line, before: _Line, wrapped: bool) -> bool:
    """Whether `line` begins a paragraph, `before` being the line above it."""
    if _marked(line.text) or _BULLET.match(line.text):
        return True
    if not wrapped:
        return True
    # A page's line that ends early after a full stop ends its paragraph.
    ends = before.text.rstrip().endswith((".", ";", ":"))
    return ends and len(before.text.strip()) < WRAPPED_LINE // 2 and line.text.strip()[:1].isupper()


def _marked(line: str) -> re.Match[str] | None:
    """The numbering at the start of a line; None where a word only looks like one."""
    found = _MARKER.match(line)
    if found is None:
        return None
    mark, dot = found["mark"], found["dot"]
    if found["word"] or mark.startswith("("):
        return found
    if "." in mark or dot:
        return found if not (dot == ":" and mark.isalpha()) else None
    return None


def _number(paragraph: str, main: str) -> tuple[str, bool]:
    """The clause's number, and whether it is one that sub-clauses such as (a) belong to."""
    found = _marked(paragraph)
    if found is None:
        return "", False
    mark = found["mark"]
    if mark[:1].isdigit() or mark.isupper():
        return mark, True
    return f"{main}({mark.strip('()')})", False


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    return start + lead, start + len(piece.rstrip())


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    opened = start
    for match in _SENTENCE_END.finditer(text, start, end):
        stop = match.start()
        last = text[max(opened, stop - 12) : stop]
        if stop - opened < MIN_SEGMENT or match[0] == "\n" or _ABBREVIATION.search(last):
            continue
        yield from _cut(text, opened, stop)
        opened = match.end()
    if opened < end:
        yield from _cut(text, opened, end)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """`start` to `end` in pieces of at most MAX_SEGMENT characters."""
    while end - start > MAX_SEGMENT:
        window = text[start : start + MAX_SEGMENT]
        at = max(window.rfind("; "), window.rfind(", "), MAX_SEGMENT // 2)
        at = at if at > MAX_SEGMENT // 2 else window.rfind(" ")
        stop = start + (at + 1 if at > 0 else MAX_SEGMENT)
        if text[start:stop].strip():
            yield _trimmed(text, start, stop)
        start = stop
    if text[start:end].strip():
        yield _trimmed(text, start, end)
