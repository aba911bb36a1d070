"""Which steps of a plan can be carried out now, and what becomes of those that never can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tandem.nodes.agent.references import resolve
from tandem.nodes.agent.state import Sending
from tandem.records import Step
from tandem.tools.base import Tool, ToolError

ENDED_BADLY = frozenset({"failed", "rejected", "unknown"})


class Arranged(NamedTuple):
    """The steps, those failed that cannot be carried out any more, and what is to be sent."""

    steps: list[Step]
    sendings: list[Sending]


def arrange(steps: Sequence[Step], tools: Mapping[str, Tool]) -> Arranged:
    """Send every planned step whose needs are done.

    A step with side effects goes to `approve`, with its references resolved: a person sees what
    would really be done. A step that needs one without a result fails, and so do those behind it.
    """
    arranged, sendings = list(steps), list[Sending]()
    for place, step in enumerate(arranged):
        if step["status"] != "planned":
            continue
        status = {other["id"]: other["status"] for other in arranged}
        missing = [name for name in step["needs"] if status[name] in ENDED_BADLY]
        if missing:
            arranged[place] = failed(step, "needs", f"It needs {missing[0]}, which has no result.")
        elif all(status[name] == "done" for name in step["needs"]):
            arranged[place], sending = _sending(step, arranged, tools)
            sendings += sending
    return Arranged(arranged, sendings)


def _sending(
    step: Step, steps: Sequence[Step], tools: Mapping[str, Tool]
) -> tuple[Step, list[Sending]]:
    tool = tools.get(step["tool"])
    if tool is None or not tool.side_effects:
        return step, [{"node": "act", "step": step}]
    try:
        arguments = resolve(step, steps)
    except ToolError as error:
        return failed(step, error.code, error.what), []
    return step, [{"node": "approve", "step": {**step, "arguments": arguments}}]


def failed(step: Step, code: str, error: str) -> Step:
    """`step`, ended without a result."""
    return {**step, "status": "failed", "result": None, "code": code, "error": error}
