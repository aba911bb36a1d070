"""Is this a request at all? Types, sizes and allowed values, before anything is done with it."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from tandem.errors import InvalidRequest
from tandem.records import Request
from tandem.settings import Limits

_ADAPTER: Final = TypeAdapter(Request)


def validate(raw: Any, limits: Limits, tasks: Collection[str]) -> Request:
    """`raw` as a Request.

    Raises
    ------
    InvalidRequest: not a request, empty, too large, or an unknown task or field; the message names
        the field, never its value.
    """
    try:
        request = _ADAPTER.validate_python(raw)
    except ValidationError as error:
        raise InvalidRequest(
            f"The request is not valid: {_problems(error)}.", "Nothing was run."
        ) from None
    _check_sizes(request, limits)
    _check_characters(request)
    if not request["text"].strip() and not request.get("documents"):
        raise InvalidRequest("The request is empty.", "Give it a text or a document.")
    if (task := request.get("task")) and task not in tasks:
        raise InvalidRequest(
            "The task that was declared is not known.", f"Known tasks: {', '.join(sorted(tasks))}."
        )
    _check_deadline(request.get("deadline_ms"), limits.max_deadline_ms)
    if (quality := request.get("quality")) is not None and not 0 <= quality <= 1:
        raise InvalidRequest("quality is not between 0 and 1.", "Give a share of right answers.")
    return request


def _check_deadline(deadline_ms: int | None, most: int) -> None:
    if deadline_ms is not None and not 1 <= deadline_ms <= most:
        raise InvalidRequest(
            f"deadline_ms is not between 1 and {most:,}.",
            "Give it in milliseconds, or raise limits.max_deadline_ms.",
        )


def _problems(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'request'}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_context=False)[:5]
    )


def _check_sizes(request: Request, limits: Limits) -> None:
    said = [request["text"], *(turn["content"] for turn in request.get("messages", []))]
    _at_most("text", sum(map(len, said)), limits.text_chars, "characters", "text_chars")
    documents = request.get("documents", [])
    _at_most("documents", len(documents), limits.documents, "documents", "documents")
    for position, document in enumerate(documents):
        size = max(len(document.get("text", "")), len(document.get("data", "")) * 3 // 4)
        _at_most(f"documents[{position}]", size, limits.document_bytes, "bytes", "document_bytes")
    _at_most("examples", len(request.get("examples", [])), limits.examples, "examples", "examples")
    _at_most("labels", len(request.get("labels", [])), limits.labels, "labels", "labels")
    schema = _length(request.get("output_schema", ""))
    _at_most("output_schema", schema, limits.schema_chars, "characters", "schema_chars")


def _length(schema: Any) -> int:
    try:
        return len(str(schema))
    except RecursionError:
        raise InvalidRequest("output_schema is nested too deeply.", "Make it flatter.") from None


def _check_characters(request: Request) -> None:
    """Lone surrogates can neither be sent nor stored; deep nesting breaks what reads it."""
    documents = [document.get("text", "") for document in request.get("documents", [])]
    try:
        json.dumps({**request, "documents": documents}, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The request holds half of a character (a lone surrogate).", "Send valid Unicode."
        ) from None
    except (RecursionError, TypeError, ValueError):
        raise InvalidRequest(
            "output_schema or examples are no JSON, or nested too deeply.", "Correct them."
        ) from None


def _at_most(field: str, size: int, most: int, unit: str, setting: str) -> None:
    if size > most:
        raise InvalidRequest(
            f"{field} has {size:,} {unit}; at most {most:,} are allowed.",
            f"Shorten it, or raise limits.{setting}.",
        )
