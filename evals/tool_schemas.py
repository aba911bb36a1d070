"""BFCL's functions as JSON-schema tools: its types are Python's, and its names have dots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.evals.evaluators.tool_calls import tool_name

_JSON_TYPES: Final = {"dict": "object", "float": "number", "tuple": "array"}
_KEPT: Final = ("description", "enum", "default")


def json_schema_tools(functions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`functions` as `{"name", "description", "parameters"}` with JSON schemas."""
    return [
        {
            "name": tool_name(one["name"]),
            "description": one["description"],
            "parameters": json_schema(one["parameters"]),
        }
        for one in functions
    ]


def json_schema(described: Mapping[str, Any]) -> dict[str, Any]:
    """One described type as a JSON schema; "any" becomes a schema that allows everything."""
    kind = described.get("type", "any")
    schema: dict[str, Any] = {key: described[key] for key in _KEPT if key in described}
    if kind == "any":
        return schema
    schema["type"] = _JSON_TYPES.get(kind, kind)
    if "properties" in described:
        inner = described["properties"].items()
        schema["properties"] = {name: json_schema(one) for name, one in inner}
        schema["required"] = list(described.get("required", []))
        schema["additionalProperties"] = False
    if isinstance(described.get("items"), Mapping):
        schema["items"] = json_schema(described["items"])
    return schema
