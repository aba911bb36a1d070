"""Arguments of tools out of a request: the SLM writes them, checks decide, the LLM does the rest.

A small model is good at the arguments of one named tool and poor at seeing that no tool fits or
that several calls are needed. So `fill` is for a tool that a plan has named; `choose` lets the SLM
name one of several, and takes its word for a single sure call only. Every doubt escalates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import Completion, Prompt, TierCall, ToolCall
from tandem.models.toolcalls import calls_schema, read_calls
from tandem.nodes.agent.doubting import (
    Bounds,
    Function,
    doubts_about,
    fits,
    places,
    probability,
    without_invented,
)
from tandem.quality.field_signals import parse_object
from tandem.records import Attempt, Message, TierName

MAX_TOKENS: Final = 512
FILL_SYSTEM: Final = (
    "Write the arguments of the function as JSON, from what the request says and from nothing "
    "else. Copy names, numbers and texts as the request has them. Leave out an optional argument "
    "that the request says nothing of."
)
CHOOSE_SYSTEM: Final = (
    "You choose tools. Call every tool that the user's request needs, once for each thing that is "
    "asked, with the arguments that the user gives. Where no tool fits the request, choose none."
)

Reader = Callable[[], TierCall]
"""A tier bound to a new attempt."""


BOUNDS: Final = Bounds()


class Filled(NamedTuple):
    """The calls, and how they came about."""

    calls: list[ToolCall]
    """Empty where no tool fits, or where no arguments could be had."""
    tier: TierName | None
    """Who wrote them; None where nobody did."""
    attempts: list[Attempt]
    doubts: list[str]
    """Why the SLM's were not taken; names of arguments and checks, never values."""

    @property
    def arguments(self) -> Mapping[str, Any] | None:
        """Those of the one call; None where there is not exactly one."""
        return self.calls[0].arguments if len(self.calls) == 1 else None


def missing(parameters: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str]:
    """Names of the required arguments that are not there."""
    return [name for name in parameters.get("required", ()) if name not in arguments]


def fill(
    function: Function,
    text: str,
    slm: Reader | None,
    llm: Reader | None,
    given: Mapping[str, Any] | None = None,
    bounds: Bounds = BOUNDS,
) -> Filled:
    """The arguments of `function` for the request `text`.

    Parameters
    ----------
    slm, llm: asked in this order; the second only where there is a doubt about the first.
    given: arguments that are known already; only the others are asked for.
    """
    asked, given = _without(function, given or {}), dict(given or {})
    messages = fill_messages(asked, text)

    def read(done: Completion) -> tuple[list[ToolCall], list[str]]:
        arguments = parse_object(done.text)
        if not isinstance(arguments, Mapping):
            return [], ["no JSON"]
        stated = without_invented(asked, arguments, text)
        doubts = doubts_about(asked, stated, text, done, 0, bounds)
        return [ToolCall(function["name"], {**stated, **given})], doubts

    prompt = Prompt(messages, MAX_TOKENS, schema=asked["parameters"])
    first = _by_slm(slm, prompt, read)
    if first.tier is not None or llm is None:
        return first
    second = _by_llm(llm, messages, [asked], first)
    calls = [ToolCall(call.name, {**call.arguments, **given}) for call in second.calls[:1]]
    return second._replace(calls=[call for call in calls if fits(function, call.arguments)])


def choose(
    functions: Sequence[Function],
    text: str,
    slm: Reader | None,
    llm: Reader | None,
    bounds: Bounds = BOUNDS,
) -> Filled:
    """The calls that the request `text` needs, of `functions`.

    The SLM's word counts where it makes one call and is sure of it; that none fits, or that there
    are several calls, the LLM says.
    """
    messages = choose_messages(functions, text)
    by_name = {function["name"]: function for function in functions}

    def read(done: Completion) -> tuple[list[ToolCall], list[str]]:
        calls = read_calls(done.text, by_name) or []
        if len(calls) != 1:
            return calls, [f"{len(calls)} calls"]
        name, place = places(done.text)
        if name is None or place is None:
            return calls, ["no JSON"]
        function = by_name[calls[0].name]
        stated = without_invented(function, calls[0].arguments, text)
        doubts = doubts_about(function, stated, text, done, place, bounds)
        if probability(done.tokens, name) < bounds.tool:
            doubts.insert(0, "the tool's probability")
        return [ToolCall(calls[0].name, stated)], doubts

    first = _by_slm(slm, Prompt(messages, MAX_TOKENS, schema=calls_schema(functions)), read)
    if first.tier is not None or llm is None:
        return first
    return _by_llm(llm, messages, functions, first)


def _by_slm(
    slm: Reader | None,
    prompt: Prompt,
    read: Callable[[Completion], tuple[list[ToolCall], list[str]]],
) -> Filled:
    if slm is None:
        return Filled([], None, [], ["there is no SLM"])
    call = slm()
    try:
        done = call.complete(prompt)
    except (ModelError, EgressBlocked) as error:
        return Filled([], None, [call.attempt(None, error=error.info())], [error.code])
    calls, doubts = read(done) if done.finish == "stop" else ([], ["cut off"])
    attempt = call.attempt(_plain(calls), signals={"doubts": float(len(doubts))})
    return Filled(calls if not doubts else [], None if doubts else call.name, [attempt], doubts)


def _by_llm(
    llm: Reader, messages: Sequence[Message], functions: Sequence[Function], first: Filled
) -> Filled:
    call = llm()
    try:
        calls = call.choose_calls(messages, functions, MAX_TOKENS)
    except (ModelError, EgressBlocked) as error:
        failed = call.attempt(None, error=error.info())
        return Filled([], None, [*first.attempts, failed], first.doubts)
    attempt = call.attempt(_plain(calls))
    return Filled(calls, call.name, [*first.attempts, attempt], first.doubts)


def _plain(calls: Sequence[ToolCall]) -> dict[str, Any]:
    return {"calls": [{"name": one.name, "arguments": dict(one.arguments)} for one in calls]}


def fill_messages(function: Function, text: str) -> list[Message]:
    """The prompt that asks for the arguments of one function."""
    return [
        {"role": "system", "content": FILL_SYSTEM},
        {"role": "user", "content": f"Function: {json.dumps(dict(function))}\nRequest: {text}"},
    ]


def choose_messages(functions: Sequence[Function], text: str) -> list[Message]:
    """The prompt that asks for calls of `functions`. They stand in it, since a model without native
    tool calls sees nothing of them else."""
    listed = "".join(f"\n{json.dumps(dict(function))}" for function in functions)
    return [
        {"role": "system", "content": f"{CHOOSE_SYSTEM}\nTools:{listed}"},
        {"role": "user", "content": text},
    ]


def _without(function: Function, given: Mapping[str, Any]) -> dict[str, Any]:
    """`function` without the parameters that are known."""
    parameters = function["parameters"]
    left = {key: part for key, part in parameters.get("properties", {}).items() if key not in given}
    required = [name for name in parameters.get("required", ()) if name not in given]
    return {**function, "parameters": {**parameters, "properties": left, "required": required}}
