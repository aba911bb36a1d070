"""Which tokens of a generated JSON text belong to which field, and how sure they were.

The mean over a long JSON says nothing of the one wrong field, so each top-level field gets the
log-probability of its least sure token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tandem.models.tier import Token

FIELD_LOGPROB: Final = "min_logprob:"
"""Prefix of a field's signal."""
_SPACE: Final = re.compile(r"\s*")
_DECODER: Final = json.JSONDecoder()


def field_signals(text: str, tokens: Sequence[Token]) -> dict[str, float]:
    """`min_logprob:<field>` (nats) for each top-level field of the JSON object `text`.

    Only tokens that begin inside the value count: the marks round it tell how the model would have
    laid the JSON out, not how sure it is. Null fields are left out, and so is everything where
    `text` is no JSON object or `tokens` do not spell it.
    """
    if "".join(token.text for token in tokens) != text:
        return {}
    return {
        f"{FIELD_LOGPROB}{name}": least
        for name, start, end in _fields(text)
        if (least := _least(tokens, start, end)) is not None
    }


def _fields(text: str) -> Iterator[tuple[str, int, int]]:
    """(name, start, end) of each top-level value that is not null."""
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        return
    at = _skip(text, at + 1)
    while text[at : at + 1] == '"':
        try:
            name, at = _DECODER.raw_decode(text, at)
            start = _skip(text, _skip(text, at) + 1)
            value, end = _DECODER.raw_decode(text, start)
        except ValueError:
            return
        quote = 1 if isinstance(value, str) else 0
        if value is not None:
            yield name, start + quote, end - quote
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _least(tokens: Sequence[Token], start: int, end: int) -> float | None:
    """The least log-probability among the tokens that begin in [start, end)."""
    least, at = None, 0
    for token in tokens:
        if start <= at < end and token.text and (least is None or token.logprob < least):
            least = token.logprob
        at += len(token.text)
    return least


def parse_object(text: str) -> Mapping[str, Any] | list[Any] | None:
    """The JSON object or list that `text` is; None where it is none (cut off, NaN, prose)."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
