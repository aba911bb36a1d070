"""What a tool call of a server gave, as a JSON-plain value: typed where it can be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import jsonschema

from tandem.errors import McpError
from tandem.mcp.offers import Offer
from tandem.mcp.words import without_controls

if TYPE_CHECKING:
    from mcp.types import CallToolResult

_MAX_DEPTH: Final = 30
_JSON_START: Final = ("{", "[")


def value_of(result: CallToolResult, offer: Offer) -> Any:
    """The structured content where there is one; else the text, read as JSON where it is some.

    Raises
    ------
    McpError: the server says that the call failed, its result does not fit what it declared, or
        is no text (a picture, a sound, a link). The message holds nothing of the result.
    """
    if result.is_error:
        raise McpError("The server says that the call failed.")
    if offer.output is not None or result.structured_content is not None:
        return without_controls(_structured(result.structured_content, offer))
    return without_controls(_typed(_text(result.content)))


def _structured(content: Any, offer: Offer) -> Any:
    if content is None:
        raise McpError("The result is not structured, although the server declared that it is.")
    if _depth(content) > _MAX_DEPTH:
        raise McpError("The result is nested too deeply.")
    if offer.output is not None and not jsonschema.Draft202012Validator(offer.output).is_valid(
        content
    ):
        raise McpError("The result does not fit the schema that the server declared.")
    # How servers wrap what is no object.
    if isinstance(content, Mapping) and set(content) == {"result"}:
        return content["result"]
    return content


def _text(content: Sequence[Any]) -> str:
    texts = []
    for block in content:
        if block.type == "text":
            texts.append(block.text)
        elif block.type == "resource" and isinstance(getattr(block.resource, "text", None), str):
            texts.append(block.resource.text)
        else:
            raise McpError(f"The result holds what is no text ({block.type}).")
    return "\n".join(texts)


def _typed(text: str) -> Any:
    if not text.lstrip().startswith(_JSON_START):
        return text
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value if _depth(value) <= _MAX_DEPTH else text


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _depth(value: Any, so_far: int = 0) -> int:
    if so_far > _MAX_DEPTH or not isinstance(value, dict | list):
        return so_far
    parts = value.values() if isinstance(value, dict) else value
    return max((_depth(part, so_far + 1) for part in parts), default=so_far)
