"""`read_document`: the text of a document by its id, never by a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tandem.records import Document
from tandem.tools.base import Tool, ToolArgumentError, ToolError, parameters

TextOf = Callable[[Document], str]
SourceText = Callable[[str], str | None]


def plain_text(document: Document) -> str:
    """The text of a document that carries text.

    Raises
    ------
    ToolError: the document carries only data (a PDF...), which needs a reader.
    """
    if "text" not in document:
        raise ToolError("read_document: the document has no text layer that can be read here.")
    return document["text"]


def document_ids(documents: Sequence[Document]) -> dict[str, Document]:
    """The request's documents by the ids that a plan uses: d1, d2..."""
    return {f"d{position}": document for position, document in enumerate(documents, start=1)}


def read_document_tool(
    documents: Sequence[Document],
    text_of: TextOf = plain_text,
    source_text: SourceText | None = None,
) -> Tool:
    """The tool `read_document(id)`: its result is `{"id", "name", "text"}`.

    Parameters
    ----------
    documents: the request's; known as d1, d2..., and by their names.
    text_of: reads a document by value (a PDF's text layer, say).
    source_text: the text of a source of the knowledge base, by its name; None where unknown.
    """
    by_id = document_ids(documents)
    by_name = {document["name"]: document for document in documents}

    def run(arguments: Mapping[str, Any]) -> dict[str, str]:
        name = arguments["id"].strip()
        document = by_id.get(name) or by_name.get(name)
        if document is not None:
            return {"id": name, "name": document["name"], "text": text_of(document)}
        text = source_text(name) if source_text else None
        if text is None:
            known = ", ".join(by_id) or "none"
            raise ToolArgumentError(f"read_document: unknown id; the request's documents: {known}.")
        return {"id": name, "name": name, "text": text}

    return Tool(
        name="read_document",
        description="the text of one of the request's documents, by its id (d1, d2...)",
        parameters=parameters({"id": {"type": "string", "minLength": 1, "maxLength": 200}}),
        run=run,
    )
