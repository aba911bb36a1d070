"""The JSON schema of a plan. What it cannot write cannot go wrong: unknown tools, wrong argument
names, and references to the step itself or to a later one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.nodes.agent.references import CALCULATE
from tandem.tools.base import Tool

MAX_STEPS: Final = 6
MAX_ARGUMENT_CHARS: Final = 600
OPEN_FROM: Final = 3
"""A tool with so many required arguments may be planned without them: they are filled in from the
request afterwards. Shorter ones a plan carries: where it could leave out a text, the model of 1.5
billion parameters planned `count_text($s1)` in place of counting the request's own text."""


def plan_schema(
    tools: Mapping[str, Tool], max_steps: int, first: int = 1, usable: Sequence[str] = ()
) -> dict[str, Any]:
    """Steps s<first> and at most `max_steps - 1` after it; each may refer to those of this plan
    before it, and to the steps `usable` of an earlier one."""
    keys = [f"s{number}" for number in range(first, first + max_steps)]
    return {
        "type": "object",
        "properties": {
            key: {"anyOf": [_step(tool, [*usable, *keys[:place]]) for tool in tools.values()]}
            for place, key in enumerate(keys)
        },
        "required": keys[:1],
        "additionalProperties": False,
    }


def may_stay_open(tool: Tool) -> bool:
    """Whether a plan may leave arguments of `tool` to be filled in."""
    return len(tool.parameters.get("required", ())) >= OPEN_FROM


def _step(tool: Tool, earlier: Sequence[str]) -> dict[str, Any]:
    properties = tool.parameters.get("properties", {})
    arguments = {
        **tool.parameters,
        "properties": {name: _argument(tool, part, earlier) for name, part in properties.items()},
    }
    if may_stay_open(tool):
        arguments["required"] = []
    return {
        "type": "object",
        "properties": {"tool": {"const": tool.name}, "arguments": arguments},
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }


def _argument(tool: Tool, schema: Mapping[str, Any], earlier: Sequence[str]) -> Mapping[str, Any]:
    """An argument's schema with the references to `earlier` that it may make."""
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema and "pattern" not in schema:
        longest = min(int(schema.get("maxLength", MAX_ARGUMENT_CHARS)), MAX_ARGUMENT_CHARS)
        return {"type": "string", "pattern": _pattern(tool, earlier, longest)}
    if kind in {"integer", "number"} and earlier:
        return {"anyOf": [schema, {"enum": [f"${name}" for name in earlier]}]}
    return schema


def _pattern(tool: Tool, earlier: Sequence[str], longest: int) -> str:
    reference = rf"\$(?:{'|'.join(earlier)})(?:\.[a-z_]{{1,30}})?" if earlier else ""
    plain = r"[0-9 .,+*/()%^-]|of" if tool.name == CALCULATE else r"[^$]|\$[0-9]"
    return f"^(?:{plain}{'|' + reference if reference else ''}){{1,{longest}}}$"
