"""A page in passages: under their headings, whole where possible, with their place in the page."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from typing_extensions import TypedDict

from tandem.knowledge.pdf import PAGE_BREAK

PageKind = Literal["markdown", "text"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?=\w[\w-]*:)(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.S | re.M)
_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.M)
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\Z")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*\Z")
_PARAGRAPH_LINE = re.compile(r" {0,3}(?![#>|]|[-*+][ \t]|\d+[.)][ \t]|```|~~~)\S")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_MARKS = re.compile(r"[*`]+|\{[#:.][^}]*\}")

_SEPARATORS: Final = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n(?=[ \t]*(?:[-*+|]|\d+[.)])[ \t])"),
    re.compile(r"(?<=[.!?])\s+"),
    re.compile(r"\n"),
    re.compile(r"\s+"),
)
"""Where a text may be cut, best first: paragraphs, list items and table rows, sentences, lines,
words."""
_WORD_CHARS: Final = 12
"""A "word" may be this many characters long before it counts as several."""


class Chunk(TypedDict):
    """A passage of a page: `page[start:end] == text`, in characters."""

    id: str
    """`source#number`, counted from 1; the same as long as the page is."""
    source: str
    heading: str
    """Path of headings above it, joined by " > "."""
    text: str
    start: int
    end: int


class Section(NamedTuple):
    """The text under one heading."""

    path: tuple[str, ...]
    start: int
    end: int


class Span(NamedTuple):
    """A stretch of the page, in characters, with its size in words."""

    start: int
    end: int
    words: int


def chunk_page(source: str, page: str, kind: PageKind, chunk_words: int) -> list[Chunk]:
    """The chunks of a page, of `chunk_words` words at most, in their order.

    No chunk crosses a heading or a PDF's page; paragraphs and lists stay whole where they fit.
    Heading lines (they stand in `heading`, or in a chunk where nothing is below them), front
    matter and white space between chunks are all that no chunk holds.
    """
    sections = _markdown_sections(source, page) if kind == "markdown" else _pages(source, page)
    chunks: list[Chunk] = []
    for section in sections:
        for start, end, _ in _pack(page, section, chunk_words):
            chunks.append(
                {
                    "id": f"{source}#{len(chunks) + 1}",
                    "source": source,
                    "heading": " > ".join(section.path),
                    "text": page[start:end],
                    "start": start,
                    "end": end,
                }
            )
    return chunks


def indexed_text(chunk: Chunk) -> str:
    """What of a chunk is searched: its headings and its text, without the targets of links."""
    return chunk["heading"] + "\n" + _LINK.sub(r"\1", chunk["text"])


def plain_heading(markdown: str) -> str:
    """A heading without Markdown's marks."""
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", markdown)).split())


def _title_of_name(source: str) -> str:
    stem = source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return " ".join(re.split(r"[\s_-]+", stem)).strip() or source


def _pages(source: str, page: str) -> list[Section]:
    title = _title_of_name(source)
    parts = page.split(PAGE_BREAK)
    sections, start = [], 0
    for number, part in enumerate(parts, start=1):
        path = (title, f"page {number}") if len(parts) > 1 else (title,)
        sections.append(Section(path, start, start + len(part)))
        start += len(part) + 1
    return sections


def _markdown_sections(source: str, page: str) -> list[Section]:
    front = _FRONT_MATTER.match(page)
    named = _TITLE.search(front[1]) if front else None
    title = plain_heading(named[1].strip("\"'")) if named else ""
    headings = list(_headings(page, front.end() if front else 0))
    root = (title,) if title else () if headings else (_title_of_name(source),)
    sections = [
        Section(root or (headings[0].text,), front.end() if front else 0, _first(headings, page))
    ]
    trail: list[tuple[int, str]] = []
    for number, heading in enumerate(headings):
        trail = [entry for entry in trail if entry[0] < heading.level]
        trail.append((heading.level, heading.text))
        path = tuple(text for _, text in trail if text)
        path = path if not title or path[:1] == (title,) else (title, *path)
        following = headings[number + 1] if number + 1 < len(headings) else None
        sections.append(_below(page, heading, following, path))
    return sections


class _Heading(NamedTuple):
    level: int
    text: str
    start: int
    end: int


def _first(headings: list[_Heading], page: str) -> int:
    return headings[0].start if headings else len(page)


def _below(
    page: str, heading: _Heading, following: _Heading | None, path: tuple[str, ...]
) -> Section:
    """The text under `heading`; a heading with nothing under it is text itself."""
    end = following.start if following else len(page)
    has_children = following is not None and following.level > heading.level
    if page[heading.end : end].strip() or has_children:
        return Section(path, heading.end, end)
    return Section(path[:-1] or path, heading.start, end)


def _headings(page: str, start: int) -> Iterator[_Heading]:
    """Headings outside code fences: `# text`, and single lines underlined with = or -."""
    fence = ""
    above, second_above = "", ""
    above_start = start
    for found in _LINE.finditer(page, start):
        line = found[0].rstrip("\n")
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) else fence
        elif mark:
            fence = mark[1]
        elif atx := _ATX.match(line):
            yield _Heading(len(atx[1]), plain_heading(atx[2] or ""), found.start(), found.end())
        elif (rule := _UNDERLINE.match(line)) and _is_title(above, second_above):
            level = 1 if rule[1][0] == "=" else 2
            yield _Heading(level, plain_heading(above), above_start, found.end())
        above, second_above, above_start = line, above, found.start()


def _is_title(line: str, line_above: str) -> bool:
    return bool(_PARAGRAPH_LINE.match(line)) and not line_above.strip()


def _pack(page: str, section: Section, limit: int) -> Iterator[Span]:
    """The section in spans of at most `limit` words, of about equal size."""
    pieces = list(_pieces(page, section.start, section.end, limit))
    total = sum(piece.words for piece in pieces)
    target = total / max(1, math.ceil(total / limit))
    open_span: Span | None = None
    for piece in pieces:
        if open_span is None:
            open_span = piece
        elif open_span.words >= target or open_span.words + piece.words > limit:
            yield open_span
            open_span = piece
        else:
            open_span = Span(open_span.start, piece.end, open_span.words + piece.words)
    if open_span is not None:
        yield open_span


def _pieces(page: str, start: int, end: int, limit: int, level: int = 0) -> Iterator[Span]:
    """The largest pieces that fit: see `_SEPARATORS`."""
    text = page[start:end]
    stripped = text.strip()
    if not stripped:
        return
    start += len(text) - len(text.lstrip())
    end = start + len(stripped)
    words = _count_words(stripped)
    if words <= limit:
        yield Span(start, end, words)
    elif level == len(_SEPARATORS):
        for cut in range(start, end, limit * _WORD_CHARS):
            yield Span(cut, min(cut + limit * _WORD_CHARS, end), limit)
    else:
        cuts = [found.end() for found in _SEPARATORS[level].finditer(page, start, end)]
        for first, last in itertools.pairwise([start, *cuts, end]):
            yield from _pieces(page, first, last, limit, level + 1)


def _count_words(text: str) -> int:
    return max(len(text.split()), math.ceil(len(text) / _WORD_CHARS))
