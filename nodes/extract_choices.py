"""Fields that the model may fill only with what the document holds.

Small models take a till's number for a date, or an example's total for the document's. Where
decoding is bound to the document's own dates and amounts, they cannot. It also hides that a model
had no idea, so only those fields are bound that the second view checks afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.quality.dates import written_dates
from tandem.quality.grounding import branches, property_schema
from tandem.quality.second_view import DATE_FIELDS, total_candidates, written_amounts
from tandem.quality.totals import TOTAL

Schema = dict[str, Any]
MAX_CHOICES: Final = 200
"""Beyond it a choice costs more grammar than it helps."""


def bound_to_source(generation: Schema, schema: Mapping[str, Any], source: str) -> Schema:
    """`generation` with its top-level document date and grand total bound to those in `source`.

    A date is bound where the schema says `format: date`, a total where the second view sees one.
    A field that may be null may still be.
    """
    if "properties" not in generation:
        return generation
    bound = dict(generation["properties"])
    for name, field in bound.items():
        if choices := _choices(name, property_schema(schema, name), source):
            bound[name] = _among(field, choices)
    return {**generation, "properties": bound}


def _choices(name: str, field: Mapping[str, Any], source: str) -> list[str]:
    formats = {branch.get("format") for branch in branches(field)}
    if name in DATE_FIELDS and "date" in formats:
        choices = written_dates(source)
    elif name in TOTAL and total_candidates(source):
        choices = written_amounts(source)
    else:
        return []
    return choices if len(choices) <= MAX_CHOICES else []


def _among(field: Mapping[str, Any], choices: Sequence[str]) -> Schema:
    if "anyOf" in field:
        return {**field, "anyOf": [_among(one, choices) for one in field["anyOf"]]}
    if field.get("type") != "string":
        return dict(field)
    kept = {name: field[name] for name in ("description",) if name in field}
    return {**kept, "enum": list(choices)}
