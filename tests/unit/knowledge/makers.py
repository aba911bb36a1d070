"""Fake embeddings and small PDFs."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from langchain_core.embeddings import Embeddings


class WordEmbeddings(Embeddings):
    """A word adds 1 at a place that its checksum tells; counts the texts it is asked for."""

    fingerprint = "words:64"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_query(self, text: str) -> list[float]:
        self.asked.append(text)
        vector = np.full(64, 0.01)
        for word in text.lower().split():
            vector[zlib.crc32(word.encode()) % 64] += 1.0
        return [float(x) for x in vector / np.linalg.norm(vector)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def pdf(*pages: str, password: str = "") -> bytes:
    """A PDF with a line of text for each line given."""
    made = _new(password)
    for page in pages:
        made.add_page()
        for line in page.splitlines():
            made.cell(text=line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return bytes(made.output())


def invoice_pdf() -> bytes:
    """Labels on the left and values on the right, written label by label, then value by value."""
    made = _new()
    made.add_page()
    for row, label in enumerate(("Invoice number", "Date", "Total")):
        made.set_xy(20, 20 + 10 * row)
        made.cell(text=label)
    for row, value in enumerate(("INV-7", "2026-11-24", "54.00 EUR")):
        made.set_xy(120, 20 + 10 * row)
        made.cell(text=value)
    with made.rotation(90, 15, 200):
        made.text(15, 200, "Rotated")
    return bytes(made.output())


def picture_pdf(folder: Path, text: str = "") -> bytes:
    """A scan: a page that holds a picture only, after a page of `text` where there is any."""
    made = _new()
    if text:
        made.add_page()
        made.cell(text=text)
    made.add_page()
    picture = folder / "scan.pgm"
    picture.write_bytes(b"P5 2 2 255 \x00\x40\x80\xff")
    made.image(str(picture), x=10, y=10, w=100)
    return bytes(made.output())


def _new(password: str = "") -> FPDF:
    made = FPDF()
    made.set_font("Helvetica", size=12)
    if password:
        made.set_encryption(owner_password="owner", user_password=password)
    return made
