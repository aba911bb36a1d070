"""The JSON schema of a plan. What it cannot write cannot go wrong: unknown tools, wrong argument
names, and references to the step itself or to a later one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem.nodes.agent.references import CALCULATE
from tandem.tools.base import Tool

MAX_STEPS: Final = 6
MAX_ARGUMENT_CHARS: Final = 600


def plan_schema(tools: Mapping[str, Tool], max_steps: int) -> dict[str, Any]:
    """Steps s1 to s<max_steps>, of which s1 is required; step k may refer to s1..s(k-1) only."""
    return {
        "type": "object",
        "properties": {
            f"s{k}": {"anyOf": [_step(tool, k) for tool in tools.values()]}
            for k in range(1, max_steps + 1)
        },
        "required": ["s1"],
        "additionalProperties": False,
    }


def _step(tool: Tool, k: int) -> dict[str, Any]:
    properties = tool.parameters.get("properties", {})
    arguments = {
        **tool.parameters,
        "properties": {name: _argument(tool, part, k) for name, part in properties.items()},
    }
    return {
        "type": "object",
        "properties": {"tool": {"const": tool.name}, "arguments": arguments},
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }


def _argument(tool: Tool, schema: Mapping[str, Any], k: int) -> Mapping[str, Any]:
    """An argument's schema with the references that step `k` may make."""
    earlier = [f"s{i}" for i in range(1, k)]
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema and "pattern" not in schema:
        longest = min(int(schema.get("maxLength", MAX_ARGUMENT_CHARS)), MAX_ARGUMENT_CHARS)
        return {"type": "string", "pattern": _pattern(tool, earlier, longest)}
    if kind in {"integer", "number"} and earlier:
        return {"anyOf": [schema, {"enum": [f"${name}" for name in earlier]}]}
    return schema


def _pattern(tool: Tool, earlier: list[str], longest: int) -> str:
    reference = rf"\$(?:{'|'.join(earlier)})(?:\.[a-z_]{{1,30}})?" if earlier else ""
    plain = r"[0-9 .,+*/()%^-]|of" if tool.name == CALCULATE else r"[^$]|\$[0-9]"
    return f"^(?:{plain}{'|' + reference if reference else ''}){{1,{longest}}}$"
