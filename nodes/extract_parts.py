"""Field by field: which fields of a rejected extraction are to be asked again, and of which text.

The large model is paid by the token, so it gets the fields that the gates refused, and of a long
document the lines that can hold them; what the gates passed is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tandem.nodes.extract_schema import DATE_NAME, types
from tandem.quality.dates import find_dates
from tandem.quality.grounding import branches, property_schema
from tandem.quality.values import find_numbers
from tandem.records import Attempt, GateFailure

Schema = Mapping[str, Any]
DROPPED: Final = "dropped:"
"""Prefix of the signal that names an optional field which its own gates refused."""
WHOLE_CHARS: Final = 4000
"""Documents up to this length are shown whole: cutting them saves little and may lose the value."""
EDGE_LINES: Final = 15
"""Lines at the head and the foot that are always shown: parties, places, totals stand there."""
_NEIGHBOURS: Final = 1
_WORD: Final = re.compile(r"\w+")


def doubtful_fields(
    rejected: Attempt, failed: Sequence[GateFailure], schema: Schema
) -> list[str] | None:
    """The top-level fields to ask again, in the schema's order.

    None where the whole answer is: there is no object to keep, a gate names no field, or all fields
    are refused.
    """
    fields, output = _properties(schema), rejected["output"]
    if not fields or not isinstance(output, Mapping):
        return None
    refused: set[str] = set()
    for failure in failed:
        named = fields.keys() & set(_WORD.findall(failure["detail"]))
        if not named:
            return None
        refused |= named
    refused |= {
        name.removeprefix(DROPPED) for name in rejected["signals"] if name.startswith(DROPPED)
    }
    chosen = [name for name in fields if name in refused]
    return chosen if 0 < len(chosen) < len(fields) else None


def part_of(schema: Schema, fields: Sequence[str]) -> dict[str, Any]:
    """`schema` with only the top-level `fields`."""
    kept = {name: _properties(schema)[name] for name in fields}
    required = [name for name in schema.get("required", ()) if name in kept]
    return {**schema, "properties": kept, "required": required}


def merged(kept: Mapping[str, Any], new: Any, fields: Sequence[str]) -> Any:
    """`kept` with its `fields` replaced by `new`'s; a field that `new` leaves out is absent."""
    if not isinstance(new, Mapping):
        return new
    rest = {name: value for name, value in kept.items() if name not in fields}
    return {**rest, **{name: new[name] for name in fields if name in new}}


def excerpt(source: str, fields: Sequence[str], schema: Schema) -> str:
    """The lines of `source` that can hold `fields`, with their neighbours; a gap shows as [...].

    Numbers and dates stand on lines that hold one; a text may stand anywhere, so that a text field
    that is not named in the document makes it stay whole.
    """
    if len(source) <= WHOLE_CHARS:
        return source
    lines = source.splitlines()
    wanted: set[int] = set(range(EDGE_LINES)) | set(range(len(lines) - EDGE_LINES, len(lines)))
    for name in fields:
        found = _holding(lines, name, property_schema(schema, name))
        if not found:
            return source
        wanted |= {line + by for line in found for by in range(-_NEIGHBOURS, _NEIGHBOURS + 1)}
    return "\n".join(_with_gaps(lines, sorted(wanted & set(range(len(lines))))))


def _holding(lines: Sequence[str], name: str, field: Schema) -> list[int]:
    """The lines that can hold a value of the field."""
    kinds = {kind for branch in branches(field) for kind in types(branch)}
    if DATE_NAME.search(name) or any("date" in one.get("format", "") for one in branches(field)):
        return [at for at, line in enumerate(lines) if find_dates(line)]
    if kinds and kinds <= {"number", "integer", "null"}:
        return [at for at, line in enumerate(lines) if find_numbers(line)]
    words = [word for word in name.lower().split("_") if len(word) > 2]
    return [at for at, line in enumerate(lines) if any(word in line.lower() for word in words)]


def _with_gaps(lines: Sequence[str], chosen: Iterable[int]) -> list[str]:
    shown: list[str] = []
    last = -1
    for at in chosen:
        if at > last + 1:
            shown.append("[...]")
        shown.append(lines[at])
        last = at
    return shown if last == len(lines) - 1 else [*shown, "[...]"]


def _properties(schema: Schema) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}
