"""Gates for extracted values: the schema holds, every value stands in the source, sums add up.

Pure functions. A failure's `detail` names fields, never values: it may be logged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

from tandem.quality.dates import find_dates, is_only_date
from tandem.quality.values import Compact, compact, find_numbers, names_currency, parse_number
from tandem.records import GateFailure

Schema = Mapping[str, Any]
_RATE: Final = re.compile(r"rate|percent|pct|ratio|share|margin", re.IGNORECASE)
_MONEY: Final = re.compile(
    r"tax|vat|gst|btw|tva|mwst|amount|total|price|net|gross|fee|cost|sum", re.IGNORECASE
)
_FORMATS: Final = FormatChecker(formats=("date",))
"""The one format that values are converted to; the others are notes to the reader."""
_MAX_PIECES: Final = 6
_MAX_DETAILS: Final = 8


def schema_gate(output: Any, schema: Schema) -> list[GateFailure]:
    """Gate "schema": the output is valid JSON of the caller's own (inlined) schema.

    A `format: date` must be an ISO date. `output` None means that the model's text was no JSON.
    """
    if output is None:
        return [GateFailure(gate="schema", detail="the output is no complete JSON")]
    validator = Draft202012Validator(schema, format_checker=_FORMATS)
    errors = sorted(validator.iter_errors(output), key=lambda one: one.json_path)
    return [
        GateFailure(gate="schema", detail=_schema_detail(error.json_path, error))
        for error in errors[:_MAX_DETAILS]
    ]


def _schema_detail(path: str, error: Any) -> str:
    where = path.removeprefix("$").removeprefix(".") or "the output"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{where}: required but missing: {', '.join(missing)}"
    if error.validator == "type":
        return f"{where}: not of type {error.validator_value}"
    return f"{where}: breaks the schema's {error.validator}"


def empty_gate(output: Any) -> list[GateFailure]:
    """Gate "empty": at least one field holds a value."""
    if output is None or any(True for _ in _leaves(output, {}, "")):
        return []
    return [GateFailure(gate="empty", detail="no field holds a value")]


def grounded_gate(output: Any, source_text: str, schema: Schema) -> list[GateFailure]:
    """Gate "grounded": every extracted value stands in the source.

    Numbers and dates are compared by value in any notation and without sign, strings by their
    letters and digits, whatever the white space, line breaks, case and punctuation. A sum of money
    is not grounded by a percentage. Exempt: booleans, enumerations, constants, and fields marked
    `"x-grounded": false` in the schema (values that are derived, such as a summary).
    """
    source = _Source(source_text)
    return [
        GateFailure(gate="grounded", detail=f"{path}: not in the source")
        for path, value, field in _leaves(output, schema, "")
        if not _exempt(value, field) and not _grounded(path, value, field, source)
    ]


def _exempt(value: Any, schema: Schema) -> bool:
    return (
        isinstance(value, bool)
        or any("enum" in one or "const" in one for one in branches(schema))
        or any(one.get("x-grounded") is False for one in branches(schema))
    )


@dataclass(frozen=True)
class _Source:
    """A source text with what the comparisons need, computed once."""

    text: str

    @cached_property
    def compact(self) -> Compact:
        return compact(self.text)

    @cached_property
    def plain_numbers(self) -> frozenset[Decimal]:
        return self._numbers(percent=False)

    @cached_property
    def percentages(self) -> frozenset[Decimal]:
        return self._numbers(percent=True)

    def _numbers(self, *, percent: bool) -> frozenset[Decimal]:
        found = (one for one in find_numbers(self.text) if one.percent == percent)
        return frozenset(reading for one in found for reading in one.readings)

    @cached_property
    def dates(self) -> frozenset[date]:
        return frozenset(reading for one in find_dates(self.text) for reading in one.readings)


def _grounded(path: str, value: Any, schema: Schema, source: _Source) -> bool:
    if isinstance(value, (int, float)):
        return _number_grounded(path, Decimal(str(value)), source)
    if any(one.get("format") == "currency" for one in branches(schema)):
        return names_currency(source.text, str(value))
    return _string_grounded(path, str(value), source)


def _number_grounded(path: str, value: Decimal, source: _Source) -> bool:
    if abs(value) in source.plain_numbers:
        return True
    name = path.rsplit(".", 1)[-1]
    if _MONEY.search(name) and not _RATE.search(name):
        return False
    return abs(value) in source.percentages or abs(value) * 100 in source.percentages


def _string_grounded(path: str, value: str, source: _Source) -> bool:
    wanted = compact(value).text
    if not wanted:
        return value.strip() in source.text
    if source.compact.find(wanted) >= 0:
        return True
    if is_only_date(value):
        readings = find_dates(value)[0].readings
        return not source.dates.isdisjoint(readings)
    number = parse_number(value)
    if number is not None:
        return _number_grounded(path, number, source)
    return _pieces_grounded(value, source)


def _pieces_grounded(value: str, source: _Source) -> bool:
    """A value of several parts (an address) whose parts stand in the source one after another."""
    pieces = [compact(piece).text for piece in re.split(r"[,;\n|]+", value)]
    pieces = [piece for piece in pieces if piece]
    if not 2 <= len(pieces) <= _MAX_PIECES:
        return False
    at = 0
    for piece in pieces:
        found = source.compact.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _leaves(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, Any, Schema]]:
    """(path, value, schema) of every value that is no object, list, null or empty string."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(
                inner, property_schema(schema, name), f"{path}.{name}" if path else name
            )
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from _leaves(inner, item_schema(schema), f"{path}[{index}]")
    elif value is not None and value != "":
        yield path, value, schema


def branches(schema: Schema) -> Iterator[Schema]:
    """The schema and, depth first, its alternatives (anyOf, oneOf, allOf)."""
    yield schema
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(word, ()):
            if isinstance(branch, Mapping):
                yield from branches(branch)


def property_schema(schema: Schema, name: str) -> Schema:
    """The schema of an object's property, also behind alternatives; {} where none is given."""
    for branch in branches(schema):
        if isinstance(found := branch.get("properties", {}).get(name), Mapping):
            return found
    for branch in branches(schema):
        if isinstance(found := branch.get("additionalProperties"), Mapping):
            return found
    return {}


def item_schema(schema: Schema) -> Schema:
    """The schema of an array's items, also behind alternatives; {} where none is given."""
    for branch in branches(schema):
        if isinstance(found := branch.get("items"), Mapping):
            return found
    return {}
