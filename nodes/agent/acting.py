"""Carrying out one step of a plan: references resolved, the tool called, a number read if needed.

A step that fails ends as data, with an error in words; the work goes on, and the final answer says
what failed. The model that corrects arguments sees the request, the step as planned and the error,
never a result: a document cannot steer a call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import EgressBlocked, ModelError, TandemError
from tandem.nodes.agent.dispatching import failed
from tandem.nodes.agent.grounding import names_asked_for
from tandem.nodes.agent.limits import MORE_TIME, OutOfTime
from tandem.nodes.agent.plan_prompt import request_text
from tandem.nodes.agent.reading import Reader, asks_for_a_number, read_value
from tandem.nodes.agent.references import CALCULATE, REFERENCE, SEARCH, number_of, resolve, text_of
from tandem.nodes.passages import Passage
from tandem.records import Attempt, Message, Request, Step
from tandem.tools.base import Tool, ToolArgumentError, ToolError, call_tool

CORRECTIONS: Final = 2
MAX_TOKENS: Final = 200
CORRECT_SYSTEM: Final = (
    "A step of a plan failed because of its arguments. Call its tool again with arguments that "
    "work. $s1 stands for the result of step s1."
)


class NotFound(ToolError):
    """What was looked for is not there; other words may find it."""

    code = "not_found"


class NoReader(ToolError):
    """No model answered; another plan would not help."""

    code = "model_unavailable"


class Unapproved(ToolError):
    """A step may not be carried out without a person."""

    code = "needs_approval"


@dataclass(frozen=True)
class Actor:
    """Carries out steps.

    Parameters
    ----------
    tools: by name.
    llm, slm: tiers, each call bound to a new attempt; `slm` reads first where there is one.
    seconds, chars: limits of one tool call.
    deadline: unix time, seconds, until which steps may work.
    """

    tools: Mapping[str, Tool]
    llm: Reader
    slm: Reader | None = None
    seconds: float = 120.0
    chars: int = 20_000
    deadline: float = float("inf")
    clock: Callable[[], float] = time.time

    def carry_out(
        self, request: Request, steps: Sequence[Step], step: Step
    ) -> tuple[Step, list[Attempt]]:
        """`step`, one of `steps`, now `done` or `failed`, and the attempts that it took."""
        work = _Work(self, request, steps, step)
        try:
            result = work.result()
        except TandemError as error:
            ended = failed(step, error.code, str(error))
        else:
            ended = {**step, "arguments": work.arguments, "status": "done", "result": result}
        return ended, work.attempts


class _Work:
    """One step on its way: its arguments may be corrected, its attempts add up."""

    def __init__(self, actor: Actor, request: Request, steps: Sequence[Step], step: Step) -> None:
        self.actor, self.request, self.step = actor, request, step
        index = [other["id"] for other in steps].index(step["id"])
        self.before, self.after = steps[:index], steps[index + 1 :]
        self.arguments = dict(self.step["arguments"])
        self.attempts: list[Attempt] = []

    def result(self) -> Any:
        """What the step gives. Raises TandemError where it gives nothing."""
        tool = self.actor.tools.get(self.step["tool"])
        if tool is None:
            raise ToolError(
                f"There is no tool {self.step['tool']!r} here.", "Ask where it is known."
            )
        if tool.side_effects:
            # Dispatch sends it to approve. This holds even if it became one with effects since.
            raise Unapproved(f"{tool.name} has side effects, and no person was asked.", "Ask anew.")
        try:
            found = self._call(tool)
        except ToolArgumentError as error:
            found = self._corrected(tool, error)
        if self.step["tool"] == SEARCH and isinstance(found, list):
            found = {"passages": self._about_names(found)}
        if number_of(found) is None:
            if self._is_computed_with():
                return self._with_value(found)
            if self.step["tool"] == SEARCH:
                return self._read_if_numeric(found)
        return found

    def _read_if_numeric(self, found: Any) -> Any:
        """With the number that was looked for, where the SLM is sure to see it; then whoever writes
        the answer needs no other passage."""
        question = str(self.arguments.get("query", ""))
        if self.actor.slm is None or not asks_for_a_number(question):
            return found
        readers, passages = [self.actor.slm], self._passages(found)
        value, attempts = read_value(question, passages, readers, always_strict=True)
        self.attempts += attempts
        return {**found, **value} if value is not None else found

    def _call(self, tool: Tool) -> Any:
        step: Step = {**self.step, "arguments": self.arguments}
        arguments = resolve(step, self.before, tool)
        left = self.actor.deadline - self.actor.clock()
        if left <= 0:
            raise OutOfTime("The time allowed for the steps ran out.", MORE_TIME)
        seconds = min(self.actor.seconds, left)
        try:
            return call_tool(tool, arguments, seconds=seconds, chars=self.actor.chars)
        except ToolError as error:
            if tool.name == SEARCH and error.code == ToolError.code:
                raise NotFound(error.what) from error
            raise

    def _about_names(self, passages: list[Passage]) -> list[Passage]:
        """The passages, which must hold a name that is asked about: what is near in meaning may be
        about another place or person altogether."""
        query = str(self.arguments.get("query", ""))
        names = names_asked_for(query, request_text(self.request))
        held = " ".join(f"{p['source']} {p['heading']} {p['text']}" for p in passages).casefold()
        if names and not any(name in held for name in names):
            raise NotFound(f"Not found: no passage names {' or '.join(sorted(names))}.")
        return passages

    def _corrected(self, tool: Tool, error: ToolArgumentError) -> Any:
        """What the tool gives with other arguments; the model is paid whatever comes of them."""
        call, failure = self.actor.llm(), None
        worked: dict[str, Any] | None = None
        try:
            messages = correction_messages(self.request, tool)
            for _ in range(CORRECTIONS):
                messages += _problem(self.arguments, error)
                try:
                    chosen = call.choose_calls(messages, [tool.function], MAX_TOKENS)
                except (ModelError, EgressBlocked) as broken:
                    failure = broken.info()
                    raise
                if not chosen:
                    break
                self.arguments = dict(chosen[0].arguments)
                try:
                    result = self._call(tool)
                except ToolArgumentError as again:
                    error = again
                else:
                    worked = self.arguments
                    return result
            raise error
        finally:
            self.attempts.append(call.attempt(worked, error=failure))

    def _is_computed_with(self) -> bool:
        """Whether a later step calculates with this result as a whole."""
        return any(
            match[1] == self.step["id"] and not match[2]
            for step in self.after
            if step["tool"] == CALCULATE
            for match in REFERENCE.finditer(str(step["arguments"].get("expression", "")))
        )

    def _with_value(self, found: Any) -> dict[str, Any]:
        question = self.arguments.get("query") or request_text(self.request)
        passages = self._passages(found)
        readers = [reader for reader in (self.actor.slm, self.actor.llm) if reader]
        value, attempts = read_value(question, passages, readers)
        self.attempts += attempts
        if value is not None:
            return {"passages": passages, **value}
        if all(attempt["error"] for attempt in attempts):
            raise NoReader(
                "No model answered that could read the value.",
                "`tandem models status` shows which run.",
            )
        raise NotFound("Not found: no passage gives this number.")

    def _passages(self, found: Any) -> list[Passage]:
        if isinstance(found, Mapping) and "passages" in found:
            return list(found["passages"])
        name = found.get("name", "") if isinstance(found, Mapping) else ""
        return [{"id": self.step["id"], "source": name, "heading": name, "text": text_of(found)}]


def correction_messages(request: Request, tool: Tool) -> list[Message]:
    """The start of the prompt that asks for other arguments."""
    # A model without native tool calls sees nothing of the tool but what stands here.
    asked = f"Request: {request_text(request)}\nTool: {json.dumps(tool.function)}"
    return [{"role": "system", "content": CORRECT_SYSTEM}, {"role": "user", "content": asked}]


def _problem(arguments: Mapping[str, Any], error: ToolArgumentError) -> list[Message]:
    return [
        {"role": "assistant", "content": json.dumps(arguments, ensure_ascii=False)},
        {"role": "user", "content": f"Error: {error.what} Give other arguments."},
    ]
