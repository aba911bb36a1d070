"""The agent's plan: one constrained call of the LLM, checked by code, corrected at most twice.

A plan is data: steps s1, s2... in order, each a tool with its arguments. It is made from the
request alone, before any document is read, so that no document can choose a tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.errors import ModelError
from tandem.models.tier import Completion, Prompt, TierCall
from tandem.nodes.agent.plan_schema import MAX_STEPS, plan_schema
from tandem.nodes.agent.references import CALCULATE, REFERENCE, needs
from tandem.quality.support import content_words, numbers
from tandem.quality.values import find_numbers
from tandem.records import Message, Request, Step, TierName
from tandem.tools.base import Tool
from tandem.tools.read_document import document_ids

TRIES: Final = 3
"""The first one, and two after an error."""
MAX_TOKENS: Final = 500
MAX_TURNS: Final = 4
TURN_CHARS: Final = 500
PLAN_SYSTEM: Final = (
    "You plan how to answer a request with tools. Answer with JSON: the steps s1, s2, ... in "
    "order, each with a tool and its arguments. Rules:\n"
    "- As few steps as possible; every step must be needed.\n"
    "- A search asks for one fact, in a few words; never for a sum or a total.\n"
    "- Numbers are computed by a tool only, from the request's numbers and from earlier results: "
    "$s1 is the result of step s1.\n"
    "- A date or a count of words never comes from your memory: use a tool.\n"
    "Tools:\n"
)
_EXAMPLES: Final[Sequence[tuple[str, dict[str, Any]]]] = (
    (
        "Request: How many hours of study leave are there a year, and how many 6-hour days are "
        "they?",
        {
            "s1": {
                "tool": "search_knowledge",
                "arguments": {"query": "hours of study leave per year"},
            },
            "s2": {"tool": "calculate", "arguments": {"expression": "$s1 / 6"}},
        },
    ),
    (
        "Request: What do a locker and a parking permit cost a month, and both in 4 months?",
        {
            "s1": {
                "tool": "search_knowledge",
                "arguments": {"query": "price of a locker per month"},
            },
            "s2": {
                "tool": "search_knowledge",
                "arguments": {"query": "price of a parking permit per month"},
            },
            "s3": {"tool": "calculate", "arguments": {"expression": "($s1 + $s2) * 4"}},
        },
    ),
    (
        "Request: How much is 12% of 450, minus 6?",
        {"s1": {"tool": "calculate", "arguments": {"expression": "12% of 450 - 6"}}},
    ),
    (
        "Request: How much do the orders come to together?\nDocuments: d1 (a.pdf), d2 (b.pdf)",
        {
            "s1": {"tool": "read_document", "arguments": {"id": "d1"}},
            "s2": {"tool": "extraction", "arguments": {"text": "$s1", "fields": ["total"]}},
            "s3": {"tool": "read_document", "arguments": {"id": "d2"}},
            "s4": {"tool": "extraction", "arguments": {"text": "$s3", "fields": ["total"]}},
            "s5": {"tool": "calculate", "arguments": {"expression": "$s2.total + $s4.total"}},
        },
    ),
)
_AGAIN: Final = "Write the whole plan again."
_COMMON: Final = frozenset(str(number) for number in (1, 7, 12, 24, 52, 60, 100, 365, 1000))
"""Numbers that a plan may bring along: those between units of time, and those of per cent."""


_SPOKEN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("twice", "double", "half", "both"), "2"),
    **dict.fromkeys(("thrice", "triple", "third", "thirds"), "3"),
    **dict.fromkeys(("quarter", "quarters", "quarterly"), "4"),
}
"""Words of a request that stand for a factor."""


class PlanError(ModelError):
    """Why a plan cannot be carried out, in words for the model that wrote it."""


@dataclass(frozen=True)
class Planner:
    """Makes the plan of a request.

    Parameters
    ----------
    tools: the tools that the plan may use, by name.
    max_steps: at most so many steps (never more than MAX_STEPS).
    """

    tools: Mapping[str, Tool]
    max_steps: int = MAX_STEPS

    def plan(self, request: Request, llm: TierCall) -> list[Step]:
        """The steps, all of them `planned`.

        Raises
        ------
        ModelError: no valid plan in three tries; and what `TierCall.complete` raises.
        """
        messages = plan_messages(request, self.tools)
        schema = plan_schema(self.tools, min(self.max_steps, MAX_STEPS))
        problem = ""
        for _ in range(TRIES):
            done = llm.complete(Prompt(messages=messages, max_tokens=MAX_TOKENS, schema=schema))
            try:
                return self._read(done, request, llm)
            except PlanError as error:
                problem = str(error)
                messages = [*messages, *_correction(done, problem)]
        raise ModelError(
            f"The LLM wrote no plan that can be carried out, in {TRIES} tries: {problem}",
            "Ask in smaller steps, or declare the task that you need.",
        )

    def _read(self, done: Completion, request: Request, llm: TierCall) -> list[Step]:
        if done.finish == "length":
            raise PlanError("The plan is too long; use fewer and shorter steps.")
        try:
            plan = json.loads(done.text)
        except ValueError:
            raise PlanError("The plan is no JSON.") from None
        steps = _steps(plan, llm.name)
        self._check(steps, request_text(request))
        return steps

    def _check(self, steps: Sequence[Step], text: str) -> None:
        if len(steps) > self.max_steps:
            raise PlanError(f"The plan has more than {self.max_steps} steps.")
        known = _numbers(text) | _COMMON
        seen: list[str] = []
        for step in steps:
            if step["tool"] not in self.tools:
                names = ", ".join(self.tools)
                raise PlanError(f"{step['id']}: there is no such tool; the tools are {names}.")
            for needed in step["needs"]:
                if needed not in seen:
                    raise PlanError(f"{step['id']} refers to ${needed}, which is not before it.")
            if step["tool"] == CALCULATE:
                _check_expression(step, known)
            seen.append(step["id"])


def _steps(plan: Any, tier: TierName) -> list[Step]:
    if not isinstance(plan, dict) or not plan:
        raise PlanError("The plan has no steps.")
    steps: list[Step] = []
    for key, part in plan.items():
        if not (isinstance(part, dict) and isinstance(part.get("arguments"), dict)):
            raise PlanError(f"{key} needs a tool and its arguments.")
        steps.append(
            {
                "id": str(key),
                "tool": str(part.get("tool", "")),
                "arguments": part["arguments"],
                "tier": tier,
                "needs": needs(part["arguments"]),
                "tainted": bool(needs(part["arguments"])),
                "status": "planned",
                "result": None,
            }
        )
    return steps


def _check_expression(step: Step, known: set[str] | frozenset[str]) -> None:
    """A number that neither the request nor an earlier step gave is the model's invention."""
    expression = REFERENCE.sub(" ", str(step["arguments"].get("expression", "")))
    if re.search(r"%(?!\s*\d).*/\s*100\b", expression):
        raise PlanError(f"{step['id']}: a number with % is already divided by 100.")
    unknown = sorted(_numbers(expression) - known)
    if unknown:
        raise PlanError(
            f"{step['id']}: the number {unknown[0]} does not stand in the request; take it from an "
            "earlier step, with a reference like $s1."
        )


def _numbers(text: str) -> set[str]:
    words = {word for word in content_words(text) if word[0].isdigit()}
    words |= {_SPOKEN[word] for word in re.findall(r"[a-z]+", text.casefold()) if word in _SPOKEN}
    readings = {
        f"{reading.normalize():f}" for found in find_numbers(text) for reading in found.readings
    }
    return words | numbers(text) | readings


def _correction(done: Completion, problem: str) -> list[Message]:
    return [
        {"role": "assistant", "content": done.text},
        {
            "role": "user",
            "content": f"This plan is not valid. {problem} {_AGAIN}",
        },
    ]


def plan_messages(request: Request, tools: Mapping[str, Tool]) -> list[Message]:
    """The planner's prompt: rules and tools, examples as past turns, the request."""
    listed = "\n".join(f"- {_signature(tool)}: {tool.description}" for tool in tools.values())
    messages: list[Message] = [{"role": "system", "content": PLAN_SYSTEM + listed}]
    for asked, plan in _EXAMPLES:
        if all(step["tool"] in tools for step in plan.values()):
            answer = json.dumps(plan, separators=(",", ":"))
            messages += [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answer},
            ]
    return [*messages, {"role": "user", "content": _question(request)}]


def _signature(tool: Tool) -> str:
    required = set(tool.parameters.get("required", ()))
    names = tool.parameters.get("properties", {})
    return f"{tool.name}({', '.join(name if name in required else name + '?' for name in names)})"


def _question(request: Request) -> str:
    parts = [f"Request: {request_text(request)}"]
    documents = document_ids(request.get("documents", []))
    if documents:
        named = ", ".join(f"{key} ({document['name'][:60]})" for key, document in documents.items())
        parts.append(f"Documents: {named}")
    return "\n".join(parts)


def request_text(request: Request) -> str:
    """The request's text, after the conversation's last turns where there are any."""
    turns = [turn for turn in request.get("messages", []) if turn["role"] != "system"][-MAX_TURNS:]
    earlier = [f"({turn['role']} said before: {turn['content'][:TURN_CHARS]})" for turn in turns]
    return "\n".join([*earlier, request["text"]])
