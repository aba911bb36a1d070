"""Tool calls as Tandem's agent would have them: the SLM's where a check lets them pass, else the
LLM's. The check is the agent's own (tandem.nodes.agent.filling)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.evals.evaluators.tool_calls import tool_name
from tandem.nodes.agent.filling import Reader, choose
from tandem.records import Attempt


def checked_calls(
    functions: Sequence[Mapping[str, Any]], text: str, slm: Reader, llm: Reader
) -> Attempt:
    """The calls as one attempt `{"calls"}` of whoever's they are; usage, cost and seconds are those
    of both tiers."""
    filled = choose(functions, text, slm, llm)
    last = filled.attempts[-1]
    calls = [
        {"name": tool_name(call.name), "arguments": dict(call.arguments)} for call in filled.calls
    ]
    return {
        **last,
        "output": None if last["error"] else {"calls": calls},
        "usage": {
            "input_tokens": sum(one["usage"]["input_tokens"] for one in filled.attempts),
            "output_tokens": sum(one["usage"]["output_tokens"] for one in filled.attempts),
        },
        "calls": sum(one["calls"] for one in filled.attempts),
        "seconds": sum(one["seconds"] for one in filled.attempts),
        "cost": sum(one["cost"] for one in filled.attempts),
    }
