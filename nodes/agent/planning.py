"""The agent's plan: one constrained call of the LLM, checked by code, corrected at most twice.

A plan is data: steps s1, s2... in order, each a tool with its arguments. It is made from the
request alone, before any document is read, so that no document can choose a tool. A second plan,
where steps failed, knows how the first one's steps ended, and nothing of what they gave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import ModelError
from tandem.models.tier import Completion, Prompt, TierCall
from tandem.nodes.agent.grounding import factors_in, numbers_in
from tandem.nodes.agent.plan_prompt import plan_messages, replan_messages, request_text
from tandem.nodes.agent.plan_schema import MAX_STEPS, plan_schema
from tandem.nodes.agent.references import CALCULATE, REFERENCE, needs, number_of
from tandem.records import Message, Request, Step, TierName
from tandem.tools.base import Tool

TRIES: Final = 3
"""The first one, and two after an error."""
MAX_TOKENS: Final = 500
TRIES_AGAIN: Final = 2
"""Of the second plan."""
_AGAIN: Final = "Write the whole plan again."
_COMMON: Final = frozenset(str(number) for number in (1, 7, 12, 24, 52, 60, 100, 365, 1000))
"""Numbers that a plan may bring along: those between units of time, and those of per cent."""


class PlanError(ModelError):
    """Why a plan cannot be carried out, in words for the model that wrote it."""


class TooManySteps(PlanError):
    """The plan is longer than the settings, or the steps that were carried out, leave room for."""


@dataclass(frozen=True)
class Planner:
    """Makes the plan of a request.

    Parameters
    ----------
    tools: the tools that the plan may use, by name.
    max_steps: at most so many steps (never more than MAX_STEPS).
    before: the steps of the first plan, where this is the second: it goes on after them, and may
        refer to those that are done.
    """

    tools: Mapping[str, Tool]
    max_steps: int = MAX_STEPS
    before: Sequence[Step] = ()

    def plan(self, request: Request, llm: TierCall) -> list[Step]:
        """The new steps, all of them `planned`.

        Raises
        ------
        ModelError: no valid plan in so many tries; and what `TierCall.complete` raises.
        """
        messages, schema = self._messages(request), self._schema()
        tries = TRIES_AGAIN if self.before else TRIES
        problem, long = "", False
        for _ in range(tries):
            done = llm.complete(Prompt(messages=messages, max_tokens=MAX_TOKENS, schema=schema))
            try:
                return self._read(done, request, llm)
            except PlanError as error:
                problem, long = str(error), isinstance(error, TooManySteps)
                messages = [*messages, *_correction(done, problem)]
        more = "allow more of them (limits.agent_steps), " if long else ""
        raise ModelError(
            f"The LLM wrote no plan that can be carried out, in {tries} tries: {problem}",
            f"Ask in smaller steps, {more}or declare the task that you need.",
        )

    def _messages(self, request: Request) -> list[Message]:
        if self.before:
            return replan_messages(request, self.tools, self.before)
        return plan_messages(request, self.tools)

    def _schema(self) -> dict[str, Any]:
        usable = [step["id"] for step in self.before if step["status"] == "done"]
        first = len(self.before) + 1
        return plan_schema(self.tools, min(self.max_steps, MAX_STEPS), first, usable)

    def _read(self, done: Completion, request: Request, llm: TierCall) -> list[Step]:
        if done.finish == "length":
            raise PlanError("The plan is too long; use fewer and shorter steps.")
        try:
            plan = json.loads(done.text)
        except ValueError:
            raise PlanError("The plan is no JSON.") from None
        steps = _steps(plan, llm.name, again=bool(self.before))
        self._check(steps, request_text(request))
        return steps

    def _check(self, steps: Sequence[Step], text: str) -> None:
        if len(steps) > self.max_steps:
            most = f"{self.max_steps} step{'' if self.max_steps == 1 else 's'}"
            raise TooManySteps(f"The plan has more than {most}.")
        known = numbers_in(text) | factors_in(text) | _COMMON
        taken = {step["id"] for step in self.before}
        usable = [step["id"] for step in self.before if step["status"] == "done"]
        for step in steps:
            if step["id"] in taken:
                raise PlanError(f"{step['id']} was carried out; go on from s{len(taken) + 1}.")
            if step["tool"] not in self.tools:
                names = ", ".join(self.tools)
                raise PlanError(f"{step['id']}: there is no such tool; the tools are {names}.")
            for needed in step["needs"]:
                if needed not in usable:
                    raise PlanError(f"{step['id']} refers to ${needed}, which is not before it.")
            if step["tool"] == CALCULATE:
                _check_expression(step, known)
                self._check_numbers(step)
            usable.append(step["id"])

    def _check_numbers(self, step: Step) -> None:
        """What was not read as a number before cannot be computed with now."""
        results = {each["id"]: each["result"] for each in self.before}
        for match in REFERENCE.finditer(str(step["arguments"].get("expression", ""))):
            if match[1] in results and not match[2] and number_of(results[match[1]]) is None:
                raise PlanError(f"{step['id']}: the result of {match[1]} is not one number.")


def _steps(plan: Any, tier: TierName, again: bool) -> list[Step]:
    if not isinstance(plan, dict) or not plan:
        raise PlanError("The plan has no steps.")
    steps: list[Step] = []
    for key, part in plan.items():
        if not (isinstance(part, dict) and isinstance(part.get("arguments"), dict)):
            raise PlanError(f"{key} needs a tool and its arguments.")
        needed = needs(part["arguments"])
        step: Step = {
            "id": str(key),
            "tool": str(part.get("tool", "")),
            "arguments": part["arguments"],
            "tier": tier,
            "needs": needed,
            "tainted": bool(needed),
            "status": "planned",
            "result": None,
        }
        steps.append({**step, "again": True} if again else step)
    return steps


def _check_expression(step: Step, known: set[str] | frozenset[str]) -> None:
    """A number that neither the request nor an earlier step gave is the model's invention."""
    expression = REFERENCE.sub(" ", str(step["arguments"].get("expression", "")))
    if re.search(r"%(?!\s*\d).*/\s*100\b", expression):
        raise PlanError(f"{step['id']}: a number with % is already divided by 100.")
    unknown = sorted(numbers_in(expression) - known)
    if unknown:
        raise PlanError(
            f"{step['id']}: the number {unknown[0]} does not stand in the request; take it from an "
            "earlier step, with a reference like $s1."
        )


def _correction(done: Completion, problem: str) -> list[Message]:
    return [
        {"role": "assistant", "content": done.text},
        {
            "role": "user",
            "content": f"This plan is not valid. {problem} {_AGAIN}",
        },
    ]
