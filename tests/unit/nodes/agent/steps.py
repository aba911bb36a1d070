"""Steps for tests."""

from __future__ import annotations

from typing import Any

from tandem.nodes.agent.references import needs
from tandem.records import Step


def planned_step(name: str, tool: str, **arguments: Any) -> Step:
    needed = needs(arguments)
    return {
        "id": name,
        "tool": tool,
        "arguments": arguments,
        "tier": "llm",
        "needs": needed,
        "tainted": bool(needed),
        "status": "planned",
        "result": None,
    }


def done_step(name: str, tool: str, result: Any, **arguments: Any) -> Step:
    return {**planned_step(name, tool, **arguments), "status": "done", "result": result}


def failed_step(name: str, tool: str, code: str = "not_found", **arguments: Any) -> Step:
    step = planned_step(name, tool, **arguments)
    return {**step, "status": "failed", "code": code, "error": f"{tool}: not found."}
