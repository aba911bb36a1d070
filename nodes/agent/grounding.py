"""Whether the arguments of a tool stand in the request: what a model brings along is invented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tandem.quality.support import content_words, numbers
from tandem.quality.values import compact, find_numbers

LEAST_SHARED: Final = 0.5
"""Share of a text's content words that the request must hold."""
_SPOKEN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("twice", "double", "half", "both"), "2"),
    **dict.fromkeys(("thrice", "triple", "third", "thirds"), "3"),
    **dict.fromkeys(("quarter", "quarters", "quarterly"), "4"),
}
"""Words of a request that stand for a factor."""


def numbers_in(text: str) -> set[str]:
    """The numbers of `text` in plain digits, every reading of each; number words too."""
    words = {word for word in content_words(text) if word[0].isdigit()}
    words |= {_SPOKEN[word] for word in re.findall(r"[a-z]+", text.casefold()) if word in _SPOKEN}
    readings = {
        f"{reading.normalize():f}" for found in find_numbers(text) for reading in found.readings
    }
    return words | numbers(text) | readings


def factors_in(text: str) -> set[str]:
    """What a percentage of `text` may be computed with: 20% as 0.2, 1.2, 0.8, 120 and 80."""
    shares = {
        reading / 100
        for found in find_numbers(with_signs(text))
        if found.percent
        for reading in found.readings
    }
    factors = {part for share in shares for part in (share, 1 + share, abs(1 - share))}
    return {f"{value.normalize():f}" for part in factors for value in (part, part * 100)}


def with_signs(text: str) -> str:
    """`text` with % where it says per cent."""
    return re.sub(r"(?<=\d)\s*per ?cent\b", "%", text)


def unused_numbers(arguments: Any, text: str) -> list[str]:
    """Numbers that `text` writes in digits and that stand nowhere in `arguments` (JSON-plain)."""
    used = numbers_in(json.dumps(arguments, ensure_ascii=False))
    text, unused = with_signs(text), []
    for found in find_numbers(text):
        written = text[found.start : found.end]
        forms = {f"{reading.normalize():f}" for reading in found.readings}
        if found.percent:
            forms |= factors_in(f"{written}%")
        if not forms & used:
            unused.append(written)
    return unused


def names_in(text: str) -> set[str]:
    """Words that `text` writes with a capital letter inside a sentence, casefolded."""
    inside = re.findall(r"(?<=[\w,;'\u2019\"(-] )[\"'(]?([A-Z]\w+)|(?<=\w[-/])([A-Z]\w+)", text)
    return {(first or second).casefold() for first, second in inside}


def names_asked_for(query: str, text: str) -> set[str]:
    """The names of the part of `text` that `query` is about, whether or not the query repeats them:
    a planner that shortens "parking at the Paris office" to "parking" still asks about Paris."""
    wanted = content_words(query)
    parts = re.split(r"[.?!;]\s|,?\s+and\s+", text)
    nearest = max(parts, key=lambda part: len(wanted & content_words(part)))
    return names_in(text) & set(re.findall(r"\w+", nearest.casefold()))


def ungrounded(arguments: Mapping[str, Any], text: str, parameters: Mapping[str, Any]) -> list[str]:
    """Names of the arguments of which nothing stands in `text`: a number that it does not name, a
    text of which it holds less than half.

    Choices (enums, booleans), defaults and empty values are no claims about the request.
    """
    schemas = parameters.get("properties", {})
    known, words, whole = numbers_in(text), content_words(text), compact(text).text
    return [
        name
        for name, value in arguments.items()
        if value != schemas.get(name, {}).get("default", _NONE)
        and not all(
            _stands(leaf, known, words, whole) for leaf in _leaves(value, schemas.get(name))
        )
    ]


_NONE: Final = object()


def _leaves(value: Any, schema: Any) -> Iterator[Any]:
    schema = schema if isinstance(schema, Mapping) else {}
    if "enum" in schema or "const" in schema:
        return
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _leaves(part, schema.get("properties", {}).get(name))
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, schema.get("items"))
    else:
        yield value


def _stands(leaf: Any, known: set[str], words: set[str] | frozenset[str], whole: str) -> bool:
    if leaf is None or isinstance(leaf, bool) or leaf == "":
        return True
    if isinstance(leaf, (int, float)):
        plain = f"{abs(leaf):.12g}"
        return plain in known or f"{abs(leaf) * 100:.12g}" in known
    text = str(leaf)
    if compact(text).text in whole:
        return True
    if not numbers_in(text) <= known:
        return False
    said = content_words(text)
    return not said or len(said & words) / len(said) >= LEAST_SHARED
