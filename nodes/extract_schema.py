"""From the caller's JSON schema to the one that the model writes in.

The model copies: numbers and dates are generated as the source writes them ("1.234,56", "19 april
2014"), as strings, since a small model that must rewrite them makes mistakes (and a JSON number
ends at the first comma of "1,234.56"). extract_values.py then converts them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from tandem.errors import InvalidRequest
from tandem.nodes.schema_faults import fault
from tandem.quality.grounding import branches

Schema = dict[str, Any]
STRING_CHARS: Final = 160
"""Bound of a string field that has none: without one a small model rambles."""
NUMBER_CHARS: Final = 24
DATE_CHARS: Final = 30
LIST_ITEMS: Final = 50
MAX_NODES: Final = 5000
_DEFINITIONS: Final = ("$defs", "definitions")
DATE_NAME: Final = re.compile(r"(?:^|_)(?:date|datum)$|Date$")
"""Names of fields that hold a date, whatever their schema says."""
_KEPT: Final = ("description", "enum", "const", "minItems")


def checked(schema: Any) -> Schema:
    """`valid(schema)`, with fields to extract.

    Raises
    ------
    InvalidRequest: as `valid`, and where there is nothing to fill in.
    """
    inlined = valid(schema)
    if not _has_fields(inlined):
        raise InvalidRequest(
            "output_schema names no fields to extract.", 'Give it "properties" (or "items").'
        )
    return inlined


def valid(schema: Any) -> Schema:
    """The schema, valid under JSON Schema 2020-12, self-contained, with local references inlined.

    Raises
    ------
    InvalidRequest: not a valid schema (with the JSON path), or a remote or recursive reference.
    """
    if not isinstance(schema, Mapping):
        raise InvalidRequest("output_schema is no JSON object.", "Give a JSON schema.")
    try:
        Draft202012Validator.check_schema(schema)
    except RecursionError as error:
        raise _too_large() from error
    except SchemaError as error:
        raise InvalidRequest(
            f"output_schema is not valid at {error.json_path}: {fault(error)}.",
            "Correct the schema (JSON Schema 2020-12).",
        ) from error
    return _Inliner(schema).inlined()


class _Inliner:
    """Puts each local reference's definition in its place, within bounds."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def inlined(self) -> Schema:
        body = {name: value for name, value in self._root.items() if name not in _DEFINITIONS}
        try:
            made: Schema = self._inline(body, "$", ())
        except RecursionError as error:
            raise _too_large() from error
        return made

    def _inline(self, node: Any, path: str, seen: tuple[str, ...]) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _too_large()
        if isinstance(node, list):
            return [self._inline(one, f"{path}[{index}]", seen) for index, one in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        if isinstance(reference := node.get("$ref"), str):
            return self._referred(node, reference, path, seen)
        return {name: self._inline(value, f"{path}.{name}", seen) for name, value in node.items()}

    def _referred(
        self, node: Mapping[str, Any], reference: str, path: str, seen: tuple[str, ...]
    ) -> Any:
        if reference in seen:
            raise InvalidRequest(
                f"output_schema is recursive at {path}: {reference} holds itself.",
                "Write the levels out that are needed: generation needs a bounded schema.",
            )
        target = self._inline(self._resolve(reference, path), path, (*seen, reference))
        beside = {name: value for name, value in node.items() if name != "$ref"}
        if not beside or not isinstance(target, dict):
            return target
        return {**target, **self._inline(beside, path, seen)}

    def _resolve(self, reference: str, path: str) -> Any:
        if not reference.startswith("#/"):
            raise InvalidRequest(
                f"output_schema refers to another place at {path}.",
                'Only local references ("#/$defs/...") are followed: write the definition in.',
            )
        node: Any = self._root
        for step in reference[2:].split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, Mapping) or key not in node:
                raise InvalidRequest(
                    f"output_schema refers at {path} to {reference}, which is not there.",
                    "Correct the reference.",
                )
            node = node[key]
        return node


def _too_large() -> InvalidRequest:
    return InvalidRequest(
        f"output_schema is too large: more than {MAX_NODES} parts once its references are put in.",
        "Ask for fewer fields at a time.",
    )


def _has_fields(schema: Mapping[str, Any]) -> bool:
    return any(
        branch.get("properties")
        or isinstance(branch.get("additionalProperties"), Mapping)
        or (isinstance(branch.get("items"), Mapping) and branch["items"])
        or "enum" in branch
        or types(branch) & {"string", "number", "integer", "boolean"}
        for branch in branches(schema)
    )


def for_generation(schema: Mapping[str, Any], name: str = "") -> Schema:
    """The tightened schema that the model's answer must match.

    Every field is listed; one that the caller does not require may be null. Objects take no other
    fields, strings and lists are bounded, numbers and dates are short strings.
    """
    for word in ("anyOf", "oneOf"):
        if word in schema:
            choices = [for_generation(one, name) for one in schema[word]]
            return {**_kept(schema), "anyOf": _distinct(choices)}
    if "allOf" in schema:
        return for_generation(_merged(schema), name)
    if "enum" in schema or "const" in schema:
        return _kept(schema)
    kinds = sorted(types(schema))
    if len(kinds) > 1:
        return {
            **_kept(schema),
            "anyOf": _distinct([for_generation({**schema, "type": one}, name) for one in kinds]),
        }
    return {**_kept(schema), **_typed(kinds[0] if kinds else "string", schema, name)}


def _typed(kind: str, schema: Mapping[str, Any], name: str) -> Schema:
    if kind == "object":
        return _object(schema)
    if kind == "array":
        items = for_generation(schema.get("items") or {"type": "string"}, name)
        bound = min(int(schema.get("maxItems", LIST_ITEMS)), LIST_ITEMS)
        return {"type": "array", "items": items, "maxItems": bound}
    if kind in ("number", "integer"):
        return {"type": "string", "minLength": 1, "maxLength": NUMBER_CHARS}
    if kind == "string":
        return {"type": "string", "maxLength": _string_bound(schema, name)}
    return {"type": kind}


def _object(schema: Mapping[str, Any]) -> Schema:
    if "properties" not in schema and isinstance(schema.get("additionalProperties"), Mapping):
        values = for_generation(schema["additionalProperties"])
        return {"type": "object", "additionalProperties": values}
    required = set(schema.get("required", ()))
    fields = {}
    for name, field in schema.get("properties", {}).items():
        made = for_generation(field if isinstance(field, Mapping) else {}, name)
        fields[name] = made if name in required else _nullable(made)
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _nullable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": _distinct([*schema["anyOf"], {"type": "null"}])}
    return {"anyOf": [schema, {"type": "null"}]}


def _string_bound(schema: Mapping[str, Any], name: str) -> int:
    if schema.get("format") in ("date", "date-time", "time") or DATE_NAME.search(name):
        return DATE_CHARS
    return min(int(schema.get("maxLength", STRING_CHARS)), 2000)


def types(schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that one schema (without its alternatives) names or implies."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return {declared}
    if isinstance(declared, list):
        return set(declared)
    if "properties" in schema or isinstance(schema.get("additionalProperties"), Mapping):
        return {"object"}
    return {"array"} if "items" in schema else set()


def _merged(schema: Mapping[str, Any]) -> Schema:
    merged: Schema = {name: value for name, value in schema.items() if name != "allOf"}
    for part in schema["allOf"]:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", []), *part.get("required", [])]
        merged = {**part, **merged}
        if properties:
            merged |= {"properties": properties, "required": required}
    return merged


def _kept(schema: Mapping[str, Any]) -> Schema:
    return {name: schema[name] for name in _KEPT if name in schema}


def _distinct(schemas: list[Schema]) -> list[Schema]:
    return [one for index, one in enumerate(schemas) if one not in schemas[:index]]
