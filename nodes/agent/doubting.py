"""What speaks against the arguments that a small model wrote for a tool."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jsonschema

from tandem.models.tier import Completion, Token
from tandem.nodes.agent.grounding import ungrounded
from tandem.quality.field_signals import FIELD_LOGPROB, field_signals

Function = Mapping[str, Any]
"""A tool as a JSON-schema function: `{"name", "description", "parameters"}` (Tool.function)."""


@dataclass(frozen=True)
class Bounds:
    """Least probabilities (0 to 1) at which the SLM's word counts.

    The defaults were chosen on 33 rows of BFCL's dev half with Qwen2.5-Coder-0.5B, where 15 of the
    16 calls above them were right.
    """

    tool: float = 0.9
    """Of the first token of the tool's name."""
    argument: float = 0.3
    """Of the least probable token of the arguments."""


def doubts_about(
    function: Function,
    arguments: Mapping[str, Any],
    text: str,
    done: Completion,
    place: int,
    bounds: Bounds,
) -> list[str]:
    """Why `arguments`, which stand in the completion from `place` on, should not be taken."""
    doubts = [] if fits(function, arguments) else ["the schema"]
    unsaid = ungrounded(arguments, text, function["parameters"])
    doubts += [f"{name}: not in the request" for name in unsaid]
    end = place + len(_object_at(done.text, place))
    signals = field_signals(done.text[place:end], tuple(_cut(done.tokens, place, end)))
    sure = [signals[key] for name in arguments if (key := FIELD_LOGPROB + name) in signals]
    if not sure:
        return doubts + (["no probabilities"] if arguments else [])
    low = math.exp(min(sure)) < bounds.argument
    return doubts + (["an argument's probability"] if low else [])


def without_invented(function: Function, arguments: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`arguments` without the optional ones of which the request says nothing: there the tool's own
    default holds."""
    parameters = function["parameters"]
    required = parameters.get("required", ())
    unsaid = ungrounded(arguments, text, parameters)
    return {
        name: value for name, value in arguments.items() if name in required or name not in unsaid
    }


def fits(function: Function, arguments: Mapping[str, Any]) -> bool:
    """Whether the function's schema admits the arguments."""
    return jsonschema.Draft202012Validator(function["parameters"]).is_valid(dict(arguments))


def places(text: str) -> tuple[int | None, int | None]:
    """Where the first tool's name and its arguments begin in the JSON of calls."""
    name = re.search(r'"tool"\s*:\s*"', text)
    arguments = re.search(r'"arguments"\s*:\s*(?=\{)', text)
    return (name.end() if name else None), (arguments.end() if arguments else None)


def _object_at(text: str, place: int) -> str:
    try:
        return text[place : json.JSONDecoder().raw_decode(text, place)[1]]
    except ValueError:
        return ""


def _cut(tokens: Sequence[Token], start: int, end: int) -> Iterator[Token]:
    """The tokens of text[start:end], those at its edges cut to it."""
    at, before = 0, ""
    for token in tokens:
        inside = token.text[max(0, start - at) : max(0, end - at)]
        if inside:
            opens = before.endswith((":", "[", ","))
            yield Token(inside, _without_layout(token) if opens else token.logprob, token.top)
            before = inside
        at += len(token.text)


def _without_layout(token: Token) -> float:
    """The log-probability of a value's first token among those that are no white space: the model
    would have written `: 12` where the grammar asks for `:12`."""
    if token.text[:1].isspace():
        return token.logprob
    layout = sum(math.exp(logprob) for text, logprob in token.top.items() if text[:1].isspace())
    return min(0.0, token.logprob - math.log(max(1.0 - layout, 1e-9)))


def probability(tokens: Sequence[Token], place: int) -> float:
    """Of the token that stands at `place` of the text; 0 where there is none."""
    at = 0
    for token in tokens:
        if at <= place < at + len(token.text):
            return math.exp(token.logprob)
        at += len(token.text)
    return 0.0
