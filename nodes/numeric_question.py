"""Whether a question asks for a number that follows from others; typed answers of one number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tandem.nodes.number_words import worded_numbers
from tandem.quality.values import find_numbers

MAX_CHARS: Final = 3000
"""A longer text is read, not calculated."""
_ASKS: Final = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|fast|big|heavy|often|high|deep|wide|large|late)\b|"
    r"\b(?:calculate|compute|determine|find|work out|add up)\b|"
    r"\bwhat(?:'s| is| was| are| were| will be| would be| does| did|)\b.{0,60}\b(?:total|number|"
    r"amount|sum|average|mean|percentage|percent|cost|costs|price|value|speed|rate|ratio|"
    r"difference|age|weight|height|length|distance|area|volume|profit|probability|score|time)\b|"
    r"\b(?:what|which) (?:percentage|percent|number|amount|fraction|time)\b",
    re.IGNORECASE | re.DOTALL,
)
_SPOKEN: Final = re.compile(r"\b(?:half|twice|double|triple|quarter|dozen)\b", re.IGNORECASE)


def asks_for_number(text: str) -> bool:
    """Whether the text gives at least two numbers and asks for another one, in English."""
    if len(text) > MAX_CHARS or not _ASKS.search(text):
        return False
    return len(find_numbers(text)) + len(worded_numbers(text)) + len(_SPOKEN.findall(text)) >= 2


def with_number(schema: Mapping[str, Any], value: float) -> Any:
    """`value` as JSON of a schema that is a number, or an object whose only property is one; None
    where the schema asks for more."""
    if _is_number(schema):
        return _fitting(schema, value)
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, dict) or len(properties) != 1:
        return None
    (name, inner), *_ = properties.items()
    if not _is_number(inner):
        return None
    fitting = _fitting(inner, value)
    return None if fitting is None else {name: fitting}


def _is_number(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in ("number", "integer")


def _fitting(schema: Mapping[str, Any], value: float) -> int | float | None:
    if float(value).is_integer():
        return int(value)
    return value if schema["type"] == "number" else None
