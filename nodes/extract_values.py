"""Between what the model copies from a source and what the caller's schema asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tandem.nodes.extract_schema import DATE_NAME, types
from tandem.quality.dates import find_dates, is_day_first, is_only_date, parse_date
from tandem.quality.grounding import branches, item_schema, property_schema
from tandem.quality.values import (
    currency_code,
    decimal_mark,
    find_numbers,
    named_currency,
    names_currency,
    parse_number,
)

_NUMBER_NAME: Final = re.compile(r"(?:^|_)(?:number|no|nr|ref|reference)$", re.IGNORECASE)
_LABEL: Final = re.compile(
    r"tax|invoice|receipt|bill|order|document|ref(?:erence)?|number|no|nr|nummer|n[uú]m[eé]ro|"
    r"num[eé]ro|factuur|facture|rechnung|factura|fattura|\W+|\w+(?:nr|nummer)?[.:#°º]+",
    re.IGNORECASE,
)
_NOTHING: Final = ("null", "none", "n/a", "-")
"""What models write into a number's string for a number that is not there."""
_RATE_NAME: Final = re.compile(r"rate|percent|pct|share|ratio|margin", re.IGNORECASE)


def typed(value: Any, schema: Mapping[str, Any], source: str) -> Any:
    """What the model wrote, as the caller's schema asks for it.

    Nulls and empty strings are dropped, as is a zero that the source does not hold (models write
    it for "none"). Numbers become numbers, dates of `format: date` ISO dates, currencies of
    `format: currency` ISO codes (never one that the source does not name: small models always
    know one). What cannot be converted stays as it is, so that the schema gate sees it. `source`
    decides between readings ("1.234", "03/04/2019").
    """
    return _Converter(source).convert(value, schema, "")


class _Converter:
    """Conversion under one document's habits."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._mark = decimal_mark(source)
        self._day_first = is_day_first(source)
        self._holds_zero = any(0 in found.readings for found in find_numbers(source))

    def convert(self, value: Any, schema: Mapping[str, Any], name: str) -> Any:
        if isinstance(value, dict):
            made = {
                key: self.convert(inner, property_schema(schema, key), key)
                for key, inner in value.items()
            }
            return {key: inner for key, inner in made.items() if not _absent(inner)}
        if isinstance(value, list):
            items = [self.convert(inner, item_schema(schema), name) for inner in value]
            return [item for item in items if not _absent(item)]
        return self._leaf(value, schema, name) if isinstance(value, str) else value

    def _leaf(self, value: str, schema: Mapping[str, Any], name: str) -> Any:
        value = value.strip()
        kinds = {kind for branch in branches(schema) for kind in types(branch)}
        formats = {branch.get("format") for branch in branches(schema)}
        if any("enum" in branch or "const" in branch for branch in branches(schema)):
            return value
        if kinds & {"number", "integer"}:
            return self._number_or_text(value, kinds, name)
        if "date" in formats:
            found = parse_date(value, day_first=self._day_first)
            return found.isoformat() if found else value
        if "currency" in formats:
            return self._currency(value)
        return value if formats - {None} else _without_neighbours(value, name)

    def _currency(self, value: str) -> str | None:
        """The model's currency where the source names it, else the only one that it does name."""
        code = currency_code(value)
        if code and names_currency(self._source, code):
            return code
        return named_currency(self._source)

    def _number_or_text(self, value: str, kinds: set[str], name: str) -> float | int | str | None:
        number = self._number(value, kinds, name)
        if (number == 0 and not self._holds_zero) or value.casefold() in _NOTHING:
            return None
        return value if number is None else number

    def _number(self, value: str, kinds: set[str], name: str) -> float | int | None:
        if "%" in value and not _RATE_NAME.search(name):
            return None
        number = parse_number(value, self._mark)
        if number is None:
            return None
        if number == number.to_integral_value() and ("integer" in kinds or "." not in str(number)):
            return int(number)
        return float(number)


def _without_neighbours(value: str, name: str) -> str:
    """The value alone: small models copy what stands beside it too."""
    if _NUMBER_NAME.search(name):
        return _without_label(value)
    return _without_time(value) if DATE_NAME.search(name) else value


def _without_time(value: str) -> str:
    """A date field holds the date alone, without a time."""
    found = find_dates(value)
    return value[found[0].start : found[0].end].strip() if len(found) == 1 else value


def _without_label(value: str) -> str:
    """A document's number without the words before it ("INVOICE # 17")."""
    words = value.split()
    while len(words) > 1 and _is_label(words[0]):
        del words[0]
    return " ".join(words)


def _is_label(word: str) -> bool:
    return not any(char.isdigit() for char in word) and bool(_LABEL.fullmatch(word))


def _absent(value: Any) -> bool:
    return value is None or value in ("", {}) or (isinstance(value, list) and not value)


def written(output: Any, generation: Mapping[str, Any], source: str) -> Any:
    """`output` of a labelled example as a model would have to write it: the inverse of `typed`.

    Every field of the generation schema in its order, null where it is absent; numbers and dates
    as `source` writes them, where it holds them.
    """
    if isinstance(output, Mapping):
        fields = [name for one in branches(generation) for name in one.get("properties", {})]
        names = fields or list(output)
        return {
            name: written(output.get(name), property_schema(generation, name), source)
            for name in names
        }
    if isinstance(output, list):
        return [written(one, item_schema(generation), source) for one in output]
    kinds = {kind for branch in branches(generation) for kind in types(branch)}
    if isinstance(output, (int, float)) and not isinstance(output, bool) and "string" in kinds:
        return _number_in(source, output)
    if isinstance(output, str) and is_only_date(output):
        return _date_in(source, output)
    return output


def _number_in(source: str, value: float) -> str:
    wanted = abs(Decimal(str(value)))
    for found in find_numbers(source):
        if wanted in found.readings:
            return source[found.start : found.end]
    return str(value)


def _date_in(source: str, value: str) -> str:
    wanted = find_dates(value)[0].readings[0]
    for found in find_dates(source):
        if wanted in found.readings:
            return source[found.start : found.end]
    return value
