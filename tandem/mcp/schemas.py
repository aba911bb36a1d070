"""A server's JSON schemas, cut down to what can be checked and shown safely.

What only annotates is dropped, and so are regular expressions and `uniqueItems`, which a hostile
server could make endless: the server still checks its arguments itself. References are put in
place, so that the schema can stand inside that of a plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema

from tandem.errors import McpError
from tandem.mcp.words import one_line

_KEPT: Final = frozenset(
    {
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "multipleOf",
        "oneOf",
        "prefixItems",
        "properties",
        "required",
        "type",
    }
)
_NAME: Final = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)
_POINTER: Final = re.compile(r"#(?:/[^/]+)+")
_MAX_PARTS: Final = 2000
_MAX_DEPTH: Final = 12
_MAX_VALUE_CHARS: Final = 200
_DESCRIPTION_CHARS: Final = 120


def cleaned(schema: Any, max_chars: int) -> dict[str, Any]:
    """The schema of an object, cut down.

    Raises
    ------
    McpError: it is no schema of an object, is too large or too deep, refers to what lies outside
        or to itself, or has names that are none. The message quotes nothing of it.
    """
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise McpError("Its schema is not one of an object.")
    if len(json.dumps(schema)) > max_chars:
        raise McpError(f"Its schema is longer than mcp.schema_chars allows ({max_chars:,}).")
    clean = _Cleaner(schema).part(schema, 0, frozenset())
    if not isinstance(clean, dict) or clean.get("type") != "object":
        raise McpError("Its schema is not one of an object.")
    if len(json.dumps(clean)) > max_chars:
        raise McpError(f"Its schema is longer than mcp.schema_chars allows ({max_chars:,}).")
    try:
        jsonschema.Draft202012Validator.check_schema(clean)
    except jsonschema.SchemaError:
        raise McpError("Its schema is no JSON schema.") from None
    return clean


@dataclass
class _Cleaner:
    root: Mapping[str, Any]
    parts: int = 0

    def part(self, schema: Any, depth: int, within: frozenset[str]) -> Any:
        self.parts += 1
        if depth > _MAX_DEPTH or self.parts > _MAX_PARTS:
            raise McpError("Its schema is too deep, or has too many parts.")
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            raise McpError("Its schema is no JSON schema.")
        if "$ref" in schema:
            reference = str(schema["$ref"])
            if reference in within:
                raise McpError("Its schema refers to itself.")
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            merged = {**self._target(reference), **rest}
            return self.part(merged, depth + 1, within | {reference})
        kept = {
            key: self._keyword(key, value, depth, within)
            for key, value in schema.items()
            if key in _KEPT
        }
        description = schema.get("description")
        if isinstance(description, str) and depth:
            kept["description"] = one_line(description, _DESCRIPTION_CHARS)
        return kept

    def _target(self, reference: str) -> Mapping[str, Any]:
        if not _POINTER.fullmatch(reference):
            raise McpError("Its schema refers to what lies outside of it.")
        found: Any = self.root
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise McpError("Its schema refers to what is not there.")
        return found

    def _keyword(self, key: str, value: Any, depth: int, within: frozenset[str]) -> Any:
        match key:
            case "properties":
                return self._properties(value, depth, within)
            case "items" | "additionalProperties":
                return self.part(value, depth + 1, within)
            case "allOf" | "anyOf" | "oneOf" | "prefixItems":
                if not isinstance(value, list):
                    raise McpError("Its schema is no JSON schema.")
                return [self.part(each, depth + 1, within) for each in value]
            case _:
                return _checked(value)

    def _properties(self, value: Any, depth: int, within: frozenset[str]) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise McpError("Its schema is no JSON schema.")
        for name in value:
            if not _NAME.fullmatch(name):
                raise McpError("An argument's name has other than letters, digits, _ and -.")
        return {name: self.part(each, depth + 1, within) for name, each in value.items()}


def _checked(value: Any) -> Any:
    """A keyword's plain value: it may reach a model, so its strings are short and printable."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str) and (len(each) > _MAX_VALUE_CHARS or not each.isprintable()):
            raise McpError("A value in its schema is too long, or has invisible characters.")
        if isinstance(each, list | Mapping):
            raise McpError("A value in its schema is not a plain one.")
    return value
