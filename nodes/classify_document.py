"""Task `document_classification`: which of the caller's labels fits a text or a document."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.nodes.labels import CATEGORIES, LabelTask


@dataclass(frozen=True)
class ClassifyDocument(LabelTask):
    """The category of a text, of documents, or of both; see LabelTask."""

    name: str = "document_classification"
    node: str = "classify_document"
    instruction: str = CATEGORIES
    min_margin: float = 0.5
