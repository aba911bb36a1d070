from __future__ import annotations

import base64
from pathlib import Path

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import DocumentError
from tandem.knowledge.documents import kind_of, load_file, read_document, text_of
from tandem.records import Document
from tandem.settings import Limits
from tests.unit.knowledge.makers import invoice_pdf, pdf, picture_pdf

LIMITS = Limits()


def by_value(data: bytes, name: str = "a.pdf") -> Document:
    return {"name": name, "data": base64.b64encode(data).decode(), "media_type": "x/wrong"}


def test_a_label_and_its_value_stand_on_one_line() -> None:
    lines = read_document(by_value(invoice_pdf()), LIMITS).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["Invoice", "number", "INV-7"],
        ["Date", "2026-11-24"],
        ["Total", "54.00", "EUR"],
    ]
    assert (
        len({line.index(value) for line, value in zip(lines, ("INV", "2026", "54"), strict=False)})
        == 1
    )
    assert lines[-1] == "Rotated"


def test_pages_are_parted() -> None:
    assert read_document(by_value(pdf("first", "second")), LIMITS) == "first\n\f\nsecond"


def test_empty_pages_keep_their_place_and_first_lines_their_indent() -> None:
    assert read_document(by_value(pdf("", "second")), LIMITS) == "\n\f\nsecond"
    made = FPDF()
    made.set_font("Helvetica", size=12)
    made.add_page()
    made.text(100, 20, "right")
    made.text(10, 30, "left")
    first, second = read_document(by_value(bytes(made.output())), LIMITS).splitlines()
    assert (first.lstrip(), second) == ("right", "left")
    assert first.startswith("    ")


def test_reading_order_for_prose() -> None:
    text = text_of("a.pdf", invoice_pdf(), LIMITS, layout=False)
    assert text.index("Total") < text.index("INV-7")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pdf("secret", password="pw"), "encrypted"),
        (pdf("some text")[:200], "damaged"),
        (b"%PDF-1.7\nnonsense", "damaged"),
        (pdf(""), "is empty"),
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"PK\x03\x04rest", "Office file"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\x7fELF\x00\x01\x02", "neither a PDF nor readable text"),
        (bytes(range(128, 256)), "neither a PDF nor readable text"),
        ("text".encode("utf-16-le"), "neither a PDF nor readable text"),
        (b"\xff\xfeodd", "neither a PDF nor readable text"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as raised:
        read_document(by_value(data, "bill.bin"), LIMITS)
    assert raised.value.what.startswith("bill.bin")
    assert raised.value.remedy


def test_a_scan_asks_for_ocr(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="page 1 of 1 has no text layer: run OCR first"):
        read_document(by_value(picture_pdf(tmp_path)), LIMITS)


def test_one_scanned_page_is_an_error_unless_pages_may_be_missing(tmp_path: Path) -> None:
    data = picture_pdf(tmp_path, "a cover letter")
    with pytest.raises(DocumentError, match="page 2 of 2 has no text layer"):
        read_document(by_value(data), LIMITS)
    assert text_of("a.pdf", data, LIMITS, all_pages=False).startswith("a cover letter")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("naïve €".encode(), "naïve €"),
        ("naïve €".encode("utf-8-sig"), "naïve €"),
        ("naïve €".encode("utf-16"), "naïve €"),
        ("naïve €".encode("utf-32"), "naïve €"),
        ("The café costs 5 €".encode("cp1252"), "The café costs 5 €"),
        (b"a\r\nb\rc", "a\nb\nc"),
        (b"the header %PDF-1.7 in a sentence", "the header %PDF-1.7 in a sentence"),
    ],
)
def test_encodings(data: bytes, text: str) -> None:
    assert read_document(by_value(data, "a.txt"), LIMITS) == text


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"name": "a"}, "neither `text` nor `data`"),
        ({"name": "a", "data": "?"}, "not valid base64"),
        ({"name": "a", "text": "  "}, "is empty"),
        ({"name": "a", "text": "x" * 11}, "11 characters; 10 are allowed"),
        ({"name": "a", "data": "A" * 400}, "larger than 100 bytes"),
        ({"name": "a", "data": "A" * 140}, "larger than 100 bytes"),
    ],
)
def test_documents_by_value_are_checked(document: Document, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        read_document(document, Limits(text_chars=10, document_bytes=100))


def test_a_name_in_a_message_is_short_and_on_one_line() -> None:
    with pytest.raises(DocumentError) as raised:
        read_document({"name": "a\nb" + "x" * 500, "text": ""}, LIMITS)
    assert raised.value.what.startswith("a?bx")
    assert len(raised.value.what) < 150


def test_files_become_documents_by_value(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"# Hi\r\nthere")
    (tmp_path / "b.PDF").write_bytes(pdf("hello"))
    assert load_file(tmp_path / "a.md", LIMITS) == {
        "name": "a.md",
        "text": "# Hi\nthere",
        "media_type": "text/markdown",
    }
    document = load_file(tmp_path / "b.PDF", LIMITS)
    assert document["media_type"] == "application/pdf"
    assert read_document(document, LIMITS) == "hello"


def test_files_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="no file, or does not exist"):
        load_file(tmp_path / "missing.md", LIMITS)
    with pytest.raises(DocumentError, match="no file"):
        load_file(tmp_path, LIMITS)
    (tmp_path / "big.txt").write_bytes(b"x" * 101)
    with pytest.raises(DocumentError, match="larger than 100 bytes"):
        load_file(tmp_path / "big.txt", Limits(document_bytes=100))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        text = text_of("a.txt", data, LIMITS)
    except DocumentError:
        return
    assert text.strip()


@given(st.text(max_size=200))
def test_unicode_text_is_read_as_it_is(text: str) -> None:
    plain = "start " + "".join(char for char in text if char.isprintable())
    assert text_of("a.txt", plain.encode(), LIMITS) == plain


def test_kind_by_content_not_by_name() -> None:
    assert kind_of("a.md", pdf("x")) == "pdf"
    assert kind_of("a.pdf", b"just text") == "text"
    assert kind_of("a.MD", b"# hi") == "markdown"
