"""Documents to plain text: Markdown, text and PDF, told apart by their content.

A document travels by value (records.Document); `load_file` is the only place that opens a path.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import sys
from pathlib import Path, PurePath
from typing import Final, Literal

from tandem.errors import DocumentError
from tandem.knowledge.pdf import pdf_text
from tandem.records import Document
from tandem.settings import Limits

Kind = Literal["pdf", "markdown", "text"]

MARKDOWN_SUFFIXES: Final = frozenset({".md", ".markdown", ".mdown", ".mkd"})
TEXT_SUFFIXES: Final = frozenset({".txt", ".text", ".rst", ".log", ".csv", ".tsv"})
PDF_SUFFIXES: Final = frozenset({".pdf"})
SUFFIXES: Final = MARKDOWN_SUFFIXES | TEXT_SUFFIXES | PDF_SUFFIXES
"""What a knowledge folder is searched for."""

_MEDIA_TYPES: Final[dict[Kind, str]] = {
    "pdf": "application/pdf",
    "markdown": "text/markdown",
    "text": "text/plain",
}
_OTHER_TYPES: Final = (
    (b"PK\x03\x04", "a zip or Office file", "Save it as PDF or text."),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "Save it as PDF or text."),
    (b"{\\rtf", "an RTF file", "Save it as PDF or text."),
    (b"\x1f\x8b", "a gzip file", "Unpack it first."),
    (b"\x89PNG", "a picture", "Run OCR first, and give the text or a PDF with a text layer."),
    (b"\xff\xd8\xff", "a picture", "Run OCR first, and give the text or a PDF with a text layer."),
    (b"GIF8", "a picture", "Run OCR first, and give the text or a PDF with a text layer."),
    (b"II*\0", "a picture", "Run OCR first, and give the text or a PDF with a text layer."),
    (b"MM\0*", "a picture", "Run OCR first, and give the text or a PDF with a text layer."),
)
_PDF_HEADER: Final = re.compile(rb"(?:\A|[\r\n])%PDF-[12]\.")
_PDF_HEADER_WITHIN: Final = 1024
"""PDF readers accept the header anywhere in the first 1024 bytes (ISO 32000-1, annex H)."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_PLAIN_SHARE: Final = 0.7
"""Least share of ASCII letters, digits, spaces and punctuation in a text that is not Unicode."""
_NAME_CHARS: Final = 80


def read_document(document: Document, limits: Limits) -> str:
    """The plain text of a document; a PDF with its layout kept (see tandem/knowledge/pdf.py).

    Raises
    ------
    DocumentError: unreadable, encrypted, a scan without text, empty, too large, of unknown type.
    """
    name = shown(document["name"])
    given = document.get("text")
    if given is not None:
        text = _tidy(given)
    else:
        text = text_of(name, _decode_data(name, document, limits), limits)
    if not text.strip():
        raise _empty(name)
    if len(text) > limits.text_chars:
        raise DocumentError(
            f"{name} has {len(text):,} characters; {limits.text_chars:,} are allowed.",
            "Give the pages that matter, or raise limits.text_chars.",
        )
    return text


def read_start(document: Document, limits: Limits, most: int) -> tuple[str, int]:
    """The text of a document, or its first `most` characters, and how many the whole has. Raises
    DocumentError as `read_document`, but for the length of the text."""
    endless = limits.model_copy(update={"text_chars": sys.maxsize})
    text = read_document(document, endless)
    return text[:most], len(text)


def load_file(path: Path, limits: Limits) -> Document:
    """A file as a document by value.

    Raises
    ------
    DocumentError: there is no such file, it cannot be opened, is too large or of unknown type.
    """
    data = read_bytes(path, limits)
    name = shown(path.name)
    kind = kind_of(name, data)
    if kind == "pdf":
        encoded = base64.b64encode(data).decode("ascii")
        return {"name": path.name, "data": encoded, "media_type": _MEDIA_TYPES[kind]}
    return {"name": path.name, "text": _decode(name, data), "media_type": _MEDIA_TYPES[kind]}


def read_bytes(path: Path, limits: Limits) -> bytes:
    """The bytes of a file that is not too large. Raises DocumentError as `load_file`."""
    name = shown(path.name)
    try:
        if not path.is_file():
            raise DocumentError(f"{name} is no file, or does not exist.", "Check the path.")
        with path.open("rb") as file:
            data = file.read(limits.document_bytes + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DocumentError(f"{name} cannot be opened: {reason}.", "Check the file.") from error
    if len(data) > limits.document_bytes:
        raise _too_large(name, limits)
    return data


def text_of(
    name: str, data: bytes, limits: Limits, *, layout: bool = True, all_pages: bool = True
) -> str:
    """The plain text of a file's bytes; see `pdf_text` for `layout` and `all_pages`.

    Raises
    ------
    DocumentError: as `read_document`.
    """
    if len(data) > limits.document_bytes:
        raise _too_large(name, limits)
    if kind_of(name, data) == "pdf":
        text = _tidy(pdf_text(name, data, layout=layout, all_pages=all_pages))
    else:
        text = _decode(name, data)
    if not text.strip():
        raise _empty(name)
    return text


def kind_of(name: str, data: bytes) -> Kind:
    """What the bytes are, by their content; the name only tells Markdown from text.

    Raises
    ------
    DocumentError: they are of a type that Tandem does not read.
    """
    if _PDF_HEADER.search(data[:_PDF_HEADER_WITHIN]):
        return "pdf"
    for start, what, remedy in _OTHER_TYPES:
        if data.startswith(start):
            raise DocumentError(f"{name} is {what}, which Tandem does not read.", remedy)
    return "markdown" if PurePath(name).suffix.lower() in MARKDOWN_SUFFIXES else "text"


def shown(name: str) -> str:
    """A document's name as it may stand in a message: short, on one line."""
    clean = "".join(char if char.isprintable() else "?" for char in name).strip()
    return (clean if len(clean) <= _NAME_CHARS else clean[:_NAME_CHARS] + "...") or "document"


def _decode_data(name: str, document: Document, limits: Limits) -> bytes:
    encoded = document.get("data")
    if encoded is None:
        raise DocumentError(
            f"{name} has neither `text` nor `data`.", "Give its text, or its bytes in base64."
        )
    if len(encoded) > limits.document_bytes * 3 // 2:
        raise _too_large(name, limits)
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DocumentError(
            f"The `data` of {name} is not valid base64.", "Encode its bytes in base64."
        ) from error


def _decode(name: str, data: bytes) -> str:
    """Text in UTF-8, in UTF-16 or 32 with a mark, or in Windows-1252 where it is clearly text."""
    encoding = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        text = _decode_cp1252(data) if encoding == "utf-8" else ""
        if not text:
            raise _not_text(name) from error
    if _CONTROL.search(text):
        raise _not_text(name)
    return _tidy(text)


def _decode_cp1252(data: bytes) -> str:
    """The text, or an empty one where most of it is not plain ASCII."""
    plain = sum(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in data)
    if plain < _PLAIN_SHARE * len(data):
        return ""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return ""


def _tidy(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _empty(name: str) -> DocumentError:
    return DocumentError(f"{name} is empty: there is no text in it.", "Give another document.")


def _too_large(name: str, limits: Limits) -> DocumentError:
    return DocumentError(
        f"{name} is larger than {limits.document_bytes:,} bytes.",
        "Split it, or raise limits.document_bytes.",
    )


def _not_text(name: str) -> DocumentError:
    return DocumentError(
        f"{name} is neither a PDF nor readable text.", "Save it as PDF, or as text in UTF-8."
    )
