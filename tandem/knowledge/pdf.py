"""The text layer of a PDF, through PDFium: with its layout kept, or in reading order.

Layout kept means: words of one baseline stand on one line, with white space as wide as on the page,
so that a label and its value, and the cells of a table's row, stay together (as `pdftotext -layout`
does). In reading order, the lines come as the PDF holds them, which suits pages of prose.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from tandem.errors import DocumentError

if TYPE_CHECKING:
    import pypdfium2  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

PAGE_BREAK: Final = "\f"
"""Between two pages, on a line of its own."""

_pdfium_lock: Final = Lock()
"""PDFium is not thread-safe, not even over different documents."""
_PASSWORD_ERROR: Final = 4
"""FPDF_ERR_PASSWORD of fpdfview.h."""

_SAME_LINE: Final = 0.35
"""Baselines this near, in font heights, are one line."""
_WORD_GAP: Final = 0.2
"""A wider gap between two characters, in font heights, parts words."""
_COLUMN_GAP: Final = 1.0
"""A wider gap between two words, in font heights, parts columns."""
_COLUMN_SPACES: Final = 3
_PARAGRAPH_PITCH: Final = 1.6
"""A line this much further below than usual begins a new paragraph."""
_UPRIGHT: Final = 0.1
"""Characters turned by less, in radians, are upright."""


class Glyph(NamedTuple):
    """A character on the page; lengths in points, from the lower left corner."""

    text: str
    left: float
    right: float
    baseline: float
    height: float
    upright: bool


class Word(NamedTuple):
    """A word on the page; lengths as in Glyph."""

    text: str
    left: float
    right: float
    baseline: float
    height: float


def pdf_text(name: str, data: bytes, *, layout: bool, all_pages: bool) -> str:
    """The text of a PDF, its pages parted by PAGE_BREAK.

    Parameters
    ----------
    name: for messages.
    layout: keep the layout; else reading order.
    all_pages: a page that is a picture without text is an error, as text would be missing; else
        only a document of nothing but such pages is.

    Raises
    ------
    DocumentError: damaged, encrypted, without pages, or a scan.
    """
    import pypdfium2

    with _pdfium_lock:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            raise _cannot_open(name, getattr(error, "err_code", 0)) from error
        try:
            return f"\n{PAGE_BREAK}\n".join(_all_pages(name, document, layout, all_pages))
        except pypdfium2.PdfiumError as error:
            raise _damaged(name) from error
        finally:
            document.close()


def _cannot_open(name: str, code: int) -> DocumentError:
    if code == _PASSWORD_ERROR:
        return DocumentError(
            f"{name} is encrypted with a password.", "Save a copy without the password."
        )
    return _damaged(name)


def _damaged(name: str) -> DocumentError:
    return DocumentError(
        f"{name} is a damaged PDF and cannot be read.", "Save or download it again."
    )


def _all_pages(
    name: str, document: pypdfium2.PdfDocument, layout: bool, all_pages: bool
) -> list[str]:
    texts: list[str] = []
    scans: list[int] = []
    for number, page in enumerate(document, start=1):
        text = _page_text(page, layout)
        if not text and _has_picture(page):
            scans.append(number)
        texts.append(text)
        page.close()
    if scans and (all_pages or not any(texts)):
        raise DocumentError(
            f"{name}: page {scans[0]} of {len(texts)} has no text layer: run OCR first.",
            "For example with `ocrmypdf scan.pdf readable.pdf`.",
        )
    if scans:
        log.warning("%s: %d of %d pages have no text layer", name, len(scans), len(texts))
    return texts


def _has_picture(page: pypdfium2.PdfPage) -> bool:
    from pypdfium2 import raw

    kinds = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_PATH)
    return any(True for _ in page.get_objects(filter=kinds))


def _page_text(page: pypdfium2.PdfPage, layout: bool) -> str:
    textpage = page.get_textpage()
    try:
        if not layout or page.get_rotation():
            return _in_order(textpage.get_text_range())
        glyphs = list(_glyphs(textpage))
        upright = [glyph for glyph in glyphs if glyph.upright]
        if len(upright) * 2 < len(glyphs):
            return _in_order(textpage.get_text_range())
        turned = "".join(glyph.text for glyph in glyphs if not glyph.upright)
        return f"{lay_out(list(words_of(upright)))}\n\n{_in_order(turned)}".strip("\n")
    finally:
        textpage.close()


def _in_order(text: str) -> str:
    """Lines as they come; U+FFFE is PDFium's mark for a hyphen at a line's end."""
    text = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\ufffe\n", "")
        .replace("\ufffe", "-")
    )
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t\xa0]+\n", "\n", text)).strip()


def _glyphs(textpage: pypdfium2.PdfTextPage) -> Iterator[Glyph]:
    from pypdfium2 import raw

    box = raw.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    for index in range(textpage.count_chars()):
        text = chr(raw.FPDFText_GetUnicode(textpage, index))
        raw.FPDFText_GetLooseCharBox(textpage, index, box)
        raw.FPDFText_GetCharOrigin(textpage, index, x, y)
        angle = raw.FPDFText_GetCharAngle(textpage, index)
        turned = _UPRIGHT < angle < 2 * math.pi - _UPRIGHT
        yield Glyph(text, box.left, box.right, y.value, box.top - box.bottom, not turned)


def words_of(glyphs: Sequence[Glyph]) -> Iterator[Word]:
    """Words: runs of characters on one baseline without a gap."""
    run: list[Glyph] = []
    for glyph in glyphs:
        if run and (glyph.text.isspace() or _parted(run[-1], glyph)):
            yield _word(run)
            run = []
        if not glyph.text.isspace() and glyph.text not in "\0\ufffe":
            run.append(glyph)
    if run:
        yield _word(run)


def _parted(before: Glyph, glyph: Glyph) -> bool:
    height = min(before.height, glyph.height)
    gap = glyph.left - before.right
    return (
        abs(glyph.baseline - before.baseline) > _SAME_LINE * height
        or gap > _WORD_GAP * height
        or gap < -height
    )


def _word(run: Sequence[Glyph]) -> Word:
    units = "".join(glyph.text for glyph in run)
    # PDFium counts in UTF-16: what lies beyond it comes as two surrogates.
    text = units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    right = max(glyph.right for glyph in run)
    return Word(text, run[0].left, right, run[0].baseline, run[0].height)


def lay_out(words: Sequence[Word]) -> str:
    """Words as lines of text, each at its place on the page."""
    if not words:
        return ""
    widths = [(word.right - word.left) / len(word.text) for word in words]
    unit = max(statistics.median(widths), 0.1)
    margin = min(word.left for word in words)
    lines = _lines(words)
    pitches = [above[0].baseline - below[0].baseline for above, below in itertools.pairwise(lines)]
    usual = statistics.median(pitches) if pitches else 0.0
    rendered = [_render(lines[0], margin, unit)]
    for pitch, line in zip(pitches, lines[1:], strict=True):
        if pitch > usual * _PARAGRAPH_PITCH:
            rendered.append("")
        rendered.append(_render(line, margin, unit))
    return "\n".join(rendered)


def _lines(words: Sequence[Word]) -> list[list[Word]]:
    """Words grouped by baseline, from the top; each line from left to right."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.baseline):
        if lines:
            first = lines[-1][0]
            near = _SAME_LINE * min(first.height, word.height)
            if first.baseline - word.baseline <= near:
                lines[-1].append(word)
                continue
        lines.append([word])
    return [sorted(line, key=lambda word: word.left) for line in lines]


def _render(line: Sequence[Word], margin: float, unit: float) -> str:
    text, end = "", margin
    for word in line:
        column = round((word.left - margin) / unit)
        if not text:
            spaces = column
        elif word.left - end > _COLUMN_GAP * word.height:
            spaces = max(_COLUMN_SPACES, column - len(text))
        else:
            spaces = 1
        text += " " * spaces + word.text
        end = max(end, word.right)
    return text
