"""Task `document_classification`: which of the caller's labels fits a text or a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tandem.nodes.labels import LabelTask

INSTRUCTION: Final = (
    "You sort texts into categories. The categories are:\n{labels}\n"
    "Answer with the one category that fits the user's text best, and nothing else."
)


@dataclass(frozen=True)
class ClassifyDocument(LabelTask):
    """The category of a text, of documents, or of both; see LabelTask."""

    name: str = "document_classification"
    node: str = "classify_document"
    instruction: str = INSTRUCTION
    min_margin: float = 0.5
