"""Tool calls as data: the schema that constrains them, and a lenient reading of what models write.

Small models write their calls as JSON in the text, in one of several shapes, and leave the
protocol's `tool_calls` empty. So an empty `tool_calls` says nothing: "no tool" must be said in so
many words.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from tandem.models.tier import ToolCall

NO_TOOL: Final = "none"
_MOST_CALLS: Final = 4
_NAME_KEYS: Final = ("tool", "name")
_ARGUMENT_KEYS: Final = ("arguments", "parameters", "args", "input")


def calls_schema(tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """JSON schema of `{"calls": [{"tool", "arguments"} | {"tool": "none"}]}` for `tools`."""
    choices = [*map(_call_schema, tools), _closed({"tool": {"const": NO_TOOL}})]
    calls = {
        "type": "array",
        "minItems": 1,
        "maxItems": _MOST_CALLS,
        "items": {"anyOf": choices},
    }
    return _closed({"calls": calls})


def read_calls(text: str, names: Collection[str]) -> list[ToolCall] | None:
    """Calls of the tools `names` that stand in `text`, in any of the usual shapes.

    Returns an empty list where the text says "none", and None where it says nothing readable.
    """
    found = [call for value in _json_values(text) for call in _calls(value)]
    known = [call for call in found if call.name in names]
    if known:
        return known
    return [] if any(call.name == NO_TOOL for call in found) else None


def _call_schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    return _closed({"tool": {"const": tool["name"]}, "arguments": tool["parameters"]})


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _json_values(text: str) -> Iterator[Any]:
    """Each outermost JSON object or array that stands in `text`."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at] not in "{[":
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            at += 1
        except RecursionError:
            return
        else:
            yield value


def _calls(value: Any) -> Iterator[ToolCall]:
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    elif isinstance(value, dict):
        for key in ("calls", "tool_calls"):
            yield from _calls(value.get(key))
        if isinstance(value.get("function"), dict):
            yield from _calls(value["function"])
        name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
        if name is not None:
            yield ToolCall(name, _arguments(value))


def _arguments(value: Mapping[str, Any]) -> Mapping[str, Any]:
    given: Any = next((value[key] for key in _ARGUMENT_KEYS if key in value), {})
    if isinstance(given, str):  # OpenAI's own form: JSON inside a string
        try:
            given = json.loads(given)
        except ValueError:
            given = {}
    return given if isinstance(given, dict) else {}
