"""Choosing tools: by one tier alone, and as Tandem's agent would have it, by the SLM where a check
lets its calls pass, else by the LLM. The check is the agent's own (tandem.nodes.agent.filling)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tandem.evals.case import Case
from tandem.evals.evaluators.tool_calls import tool_name
from tandem.evals.tool_schemas import json_schema_tools
from tandem.models.tier import TierCall, ToolCall
from tandem.nodes.agent.filling import Reader, choose, choose_messages
from tandem.records import Attempt

MAX_TOKENS: Final = 512


def chosen_calls(case: Case, call: TierCall) -> Attempt:
    """The calls `{"calls"}` of one tier alone. Raises what `TierCall.choose_calls` raises."""
    functions = json_schema_tools(case.get("tools", []))
    messages = choose_messages(functions, case["request"]["text"])
    return call.attempt(_plain(call.choose_calls(messages, functions, MAX_TOKENS)))


def checked_calls(case: Case, slm: Reader, llm: Reader) -> Attempt:
    """The calls as one attempt `{"calls"}` of whoever's they are; usage, cost and seconds are those
    of both tiers."""
    functions = json_schema_tools(case.get("tools", []))
    filled = choose(functions, case["request"]["text"], slm, llm)
    last = filled.attempts[-1]
    return {
        **last,
        "output": None if last["error"] else _plain(filled.calls),
        "usage": {
            "input_tokens": sum(one["usage"]["input_tokens"] for one in filled.attempts),
            "output_tokens": sum(one["usage"]["output_tokens"] for one in filled.attempts),
        },
        "calls": sum(one["calls"] for one in filled.attempts),
        "seconds": sum(one["seconds"] for one in filled.attempts),
        "cost": sum(one["cost"] for one in filled.attempts),
    }


def _plain(calls: Sequence[ToolCall]) -> dict[str, Any]:
    return {
        "calls": [{"name": tool_name(one.name), "arguments": dict(one.arguments)} for one in calls]
    }
