"""Which steps of a plan can be carried out now, and what becomes of those that never can."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tandem.nodes.agent.filling import missing
from tandem.nodes.agent.references import resolve
from tandem.nodes.agent.state import Sending
from tandem.records import Step
from tandem.tools.base import Tool, ToolError, validate_arguments

ENDED_BADLY: Final = frozenset({"failed", "rejected", "unknown"})
MENDABLE: Final = frozenset({"not_found", "tool", "tool_arguments"})
"""Codes of failures that another plan may get round. Not among them: what a person refused, what
was cut short by a limit, and what no model answered."""


class Arranged(NamedTuple):
    """The steps, those failed that cannot be carried out any more, and what is to be sent."""

    steps: list[Step]
    sendings: list[Sending]


def arrange(steps: Sequence[Step], tools: Mapping[str, Tool]) -> Arranged:
    """Send every planned step whose needs are done.

    One without all its arguments goes to `fill` first, one with side effects to `approve`, with its
    references resolved and its arguments valid: a person sees what would really be done, and is not
    asked about what the tool would refuse. A step that needs one without a result fails, and so do
    those behind it. No call is made twice: what was already asked is not asked again, what failed
    is not tried again, what had its effect has it once.
    """
    arranged, sendings, calls = list(steps), list[Sending](), _Calls(steps, tools)
    for place, step in enumerate(arranged):
        if step["status"] != "planned":
            continue
        status = {other["id"]: other["status"] for other in arranged}
        missed = [name for name in step["needs"] if status[name] in ENDED_BADLY]
        tool = tools.get(step["tool"])
        if missed:
            arranged[place] = failed(step, "needs", f"It needs {missed[0]}, which has no result.")
        elif tool is not None and missing(tool.parameters, step["arguments"]):
            sendings.append({"node": "fill", "step": step})
        elif all(status[name] == "done" for name in step["needs"]):
            arranged[place], sending = calls.next(step, tool)
            sendings += sending
    return Arranged(arranged, sendings)


class _Calls:
    """The calls that were made or are being made, by tool and arguments."""

    def __init__(self, steps: Sequence[Step], tools: Mapping[str, Tool]) -> None:
        self._steps, self._tools = steps, tools
        self._made: dict[str, Step] = {}
        for step in steps:
            if step["status"] != "planned":
                self._note(step)

    def _note(self, step: Step) -> None:
        try:
            arguments = resolve(step, self._steps, self._tools.get(step["tool"]))
            self._made.setdefault(_call(step, arguments), step)
        except ToolError:
            return  # it never came to a call

    def next(self, step: Step, tool: Tool | None) -> tuple[Step, list[Sending]]:
        """The step, ended where it needs no call any more, or what is to be sent."""
        effects = tool is not None and tool.side_effects
        try:
            arguments = resolve(step, self._steps, tool)
            if tool is not None and effects:
                validate_arguments(tool, arguments)
        except ToolError as error:
            return failed(step, error.code, error.what), []
        earlier = self._made.setdefault(_call(step, arguments), step)
        if earlier["id"] == step["id"]:
            shown: Step = {**step, "arguments": arguments} if effects else step
            return step, [{"node": "approve" if effects else "act", "step": shown}]
        if earlier["status"] == "planned":
            return step, []  # the same call is being made; its result comes first
        if earlier["status"] == "done" and not effects:
            return {**step, "status": "done", "result": earlier["result"]}, []
        return failed(step, "repeated", f"{earlier['id']} was the same call."), []


def _call(step: Step, arguments: Mapping[str, Any]) -> str:
    return json.dumps([step["tool"], arguments], sort_keys=True)


def failed(step: Step, code: str, error: str) -> Step:
    """`step`, ended without a result."""
    return {**step, "status": "failed", "result": None, "code": code, "error": error}


def cut_short(steps: Sequence[Step], limit: str) -> list[Step]:
    """The steps, of which those that are still planned fail for `limit`."""
    return [
        failed(step, "limit", f"Not carried out: {limit}.") if step["status"] == "planned" else step
        for step in steps
    ]


def carried_out(steps: Sequence[Step]) -> int:
    """How many of the steps came to a call."""
    return sum(step.get("code") not in ("needs", "repeated", "limit") for step in steps)


def may_replan(steps: Sequence[Step]) -> bool:
    """Whether another plan may help: some step failed for a reason that it may get round, and the
    steps are still those of the first plan."""
    if any(step.get("again") or step["status"] in ("rejected", "unknown") for step in steps):
        return False
    return any(step.get("code") in MENDABLE for step in steps)


def goes_on(steps: Sequence[Step]) -> bool:
    """Whether there is anything left to do: a step, or a second plan."""
    return may_replan(steps) or any(step["status"] == "planned" for step in steps)


def unresolved(steps: Sequence[Step]) -> list[Step]:
    """Steps without a result that nothing made up for.

    A second plan makes up for the first one's failures where all of it is done, and where it has at
    least as many steps that look something up as failed.
    """
    first, second = _plans(steps)
    lost = [step for step in first if step["status"] != "done"]
    if _replaced(lost, second):
        return []
    return [*lost, *(step for step in second if step["status"] != "done")]


def made_up(steps: Sequence[Step]) -> list[str]:
    """What was done in place of the steps that failed, in words by the steps' names; empty where
    nothing was, or where they count as `unresolved`. Code cannot tell whether it does as well."""
    first, second = _plans(steps)
    lost = [step for step in first if step["status"] != "done"]
    if not lost or not _replaced(lost, second):
        return []
    return [f"{_names(lost)} failed; {_names(second)} was carried out instead"]


def _plans(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    first = [step for step in steps if not step.get("again")]
    return first, [step for step in steps if step.get("again")]


def _replaced(lost: Sequence[Step], second: Sequence[Step]) -> bool:
    wanted = sum(step.get("code") != "needs" for step in lost)
    found = sum(not step["needs"] for step in second)
    done = all(step["status"] == "done" for step in second)
    return bool(second) and done and found >= wanted


def _names(steps: Sequence[Step]) -> str:
    return ", ".join(f"{step['id']} ({step['tool']})" for step in steps)
