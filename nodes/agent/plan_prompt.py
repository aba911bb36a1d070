"""What the planner is told: rules, tools and examples, the request; of work done before, statuses
and kinds of results only.

Nothing that anybody else wrote comes in: no document, no result, no earlier answer of a model, and
of a document's name only what the request itself says. So nobody but the caller can steer a plan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.nodes.agent.plan_schema import may_stay_open
from tandem.nodes.agent.references import needs, number_of
from tandem.records import Document, Message, Request, Step
from tandem.tools.base import Tool
from tandem.tools.read_document import document_ids

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
OPEN_RULE: Final = (
    "\nOf {tools}, leave out the arguments that the request itself gives; they are filled in."
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
        "Request: How many seats have the rooms on floor 2, and what do they cost at 30 dollars a "
        "seat?",
        {
            "s1": {
                "tool": "query_table",
                "arguments": {"sql": "SELECT sum(seats) FROM rooms WHERE floor = 2"},
            },
            "s2": {"tool": "calculate", "arguments": {"expression": "$s1 * 30"}},
        },
    ),
    (
        "Request: How much do the orders come to together?\nDocuments: d1 (pdf), d2 (pdf)",
        {
            "s1": {"tool": "read_document", "arguments": {"id": "d1"}},
            "s2": {"tool": "extraction", "arguments": {"text": "$s1", "fields": ["total"]}},
            "s3": {"tool": "read_document", "arguments": {"id": "d2"}},
            "s4": {"tool": "extraction", "arguments": {"text": "$s3", "fields": ["total"]}},
            "s5": {"tool": "calculate", "arguments": {"expression": "$s2.total + $s4.total"}},
        },
    ),
)
_TOLD: Final[Mapping[str, str]] = {
    "not_found": "found nothing",
    "tool_arguments": "its arguments were refused",
    "needs": "not carried out",
}
"""What the planner reads of a failure, by its code; an error's words may be a tool's own."""


def plan_messages(request: Request, tools: Mapping[str, Tool]) -> list[Message]:
    """The planner's prompt: rules and tools, examples as past turns, the request."""
    listed = "\n".join(f"- {_signature(tool)}: {tool.description}" for tool in tools.values())
    open_ones = ", ".join(name for name, tool in tools.items() if may_stay_open(tool))
    listed += OPEN_RULE.format(tools=open_ones) if open_ones else ""
    messages: list[Message] = [{"role": "system", "content": PLAN_SYSTEM + listed}]
    for asked, plan in _EXAMPLES:
        if all(step["tool"] in tools for step in plan.values()):
            answer = json.dumps(plan, separators=(",", ":"))
            messages += [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answer},
            ]
    return [*messages, {"role": "user", "content": _question(request)}]


def replan_messages(
    request: Request, tools: Mapping[str, Tool], steps: Sequence[Step]
) -> list[Message]:
    """The prompt that asks for other steps in place of those that failed."""
    plan = {step["id"]: {"tool": step["tool"], "arguments": _as_planned(step)} for step in steps}
    ended = "\n".join(f"{step['id']}: {told(step)}" for step in steps)
    usable = [step["id"] for step in steps if step["status"] == "done"]
    results = f"The results of {', '.join(usable)} can be used. " if usable else ""
    asked = (
        f"The steps ended so:\n{ended}\nPlan other steps in place of those that gave nothing, from "
        f"s{len(steps) + 1} on. {results}Search in other words, and for less; do not repeat a step."
    )
    return [
        *plan_messages(request, tools),
        {"role": "assistant", "content": json.dumps(plan, separators=(",", ":"))},
        {"role": "user", "content": asked},
    ]


def _as_planned(step: Step) -> Mapping[str, Any]:
    """The arguments, but not where results were put in place of the references."""
    return step["arguments"] if needs(step["arguments"]) == step["needs"] else {}


def told(step: Step) -> str:
    """How a step ended, in words that hold nothing of its result."""
    if step["status"] == "done":
        return f"done, {kind_of(step['result'])}"
    return _TOLD.get(step.get("code", ""), "failed")


def kind_of(result: Any) -> str:
    """What sort of thing a result is."""
    if number_of(result) is not None:
        return "a number"
    if isinstance(result, Mapping):
        if "passages" in result:
            return "passages"
        return "rows of a table" if "rows" in result else "fields"
    return "a text"


def _signature(tool: Tool) -> str:
    required = set(tool.parameters.get("required", ()))
    names = tool.parameters.get("properties", {})
    return f"{tool.name}({', '.join(name if name in required else name + '?' for name in names)})"


def _question(request: Request) -> str:
    text = request_text(request)
    parts = [f"Request: {text}"]
    documents = document_ids(request.get("documents", []))
    if documents:
        named = ", ".join(f"{key} ({_known(text, each)})" for key, each in documents.items())
        parts.append(f"Documents: {named}")
    return "\n".join(parts)


def _known(text: str, document: Document) -> str:
    """The document's name where the request says it too, else only its kind: whoever named the
    file is not the caller."""
    name = document["name"]
    stem, _, kind = name.rpartition(".")
    if name.casefold() in text.casefold() or (stem and stem.casefold() in text.casefold()):
        return name[:60]
    return kind if re.fullmatch(r"[A-Za-z0-9]{1,5}", kind) and stem else "text"


def request_text(request: Request) -> str:
    """The request's text, after what the caller said before, where there is anything."""
    turns = [turn for turn in request.get("messages", []) if turn["role"] == "user"][-MAX_TURNS:]
    earlier = [f"(said before: {turn['content'][:TURN_CHARS]})" for turn in turns]
    return "\n".join([*earlier, request["text"]])
