"""The usual agent to compare with: one model, one tool call a turn, results read as they come.

It has the tools of Tandem's agent but for the delegation to SLM tasks, no plan and no reader: what
a tool returns, documents and all, goes into the conversation that the next call is chosen from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tandem.errors import TandemError
from tandem.models.tier import TierCall
from tandem.nodes.agent.plan_prompt import request_text
from tandem.nodes.agent.tools import agent_tools
from tandem.records import SLM_TASKS, Answer, Attempt, Message, Request
from tandem.services import Services
from tandem.tools.base import Tool, ToolError, call_tool, parameters
from tandem.tools.read_document import document_ids

TURNS: Final = 8
"""Six tool calls, as Tandem's agent may make, and two more turns to come to an end."""
MAX_TOKENS: Final = 300
RESULT_CHARS: Final = 3000
LOOP_SYSTEM: Final = (
    "Answer the request with the help of tools. Make one call at a time and wait for its result. "
    "Compute with a tool only. When you know the answer, or that it cannot be found, call `answer` "
    "with the answer to every part of the request.\nTools:\n"
)
ANSWER: Final = {
    "name": "answer",
    "description": "gives the final answer to the request",
    "parameters": parameters({"text": {"type": "string", "minLength": 1, "maxLength": 900}}),
}


def plain_loop(services: Services, request: Request, call: TierCall) -> Attempt:
    """One attempt `{"text", "tools"}`: the answer (empty where none came in so many turns), and the
    tools that were called, in order. Raises what `TierCall.choose_calls` raises."""
    tools = _tools(services, request)
    functions = [*(tool.function for tool in tools.values()), ANSWER]
    messages = _messages(request, functions)
    called: list[str] = []
    for _ in range(TURNS):
        chosen = call.choose_calls(messages, functions, MAX_TOKENS)
        if not chosen:
            break
        name, arguments = chosen[0].name, dict(chosen[0].arguments)
        if name == ANSWER["name"]:
            return call.attempt({"text": str(arguments.get("text", "")), "tools": called})
        called.append(name)
        messages += _turn(name, arguments, _result(services, tools[name], arguments))
    return call.attempt({"text": "", "tools": called})


def _tools(services: Services, request: Request) -> dict[str, Tool]:
    every = agent_tools(services, _refused, (), request)
    return {name: tool for name, tool in every.items() if name not in SLM_TASKS}


def _refused(request: Request) -> Answer:
    raise ToolError(f"{request.get('task', '')} is no tool here.")


def _messages(request: Request, functions: Sequence[Mapping[str, Any]]) -> list[Message]:
    listed = "\n".join(json.dumps(dict(function)) for function in functions)
    documents = ", ".join(document_ids(request.get("documents", [])))
    asked = request_text(request) + (f"\nDocuments: {documents}" if documents else "")
    return [
        {"role": "system", "content": LOOP_SYSTEM + listed},
        {"role": "user", "content": asked},
    ]


def _result(services: Services, tool: Tool, arguments: Mapping[str, Any]) -> str:
    seconds = services.settings.limits.tool_seconds
    try:
        found = call_tool(tool, arguments, seconds=seconds, chars=RESULT_CHARS)
    except TandemError as error:
        return f"Error: {error.what}"
    return json.dumps(found, ensure_ascii=False)


def _turn(name: str, arguments: Mapping[str, Any], result: str) -> list[Message]:
    made = json.dumps({"calls": [{"tool": name, "arguments": arguments}]}, ensure_ascii=False)
    return [
        {"role": "assistant", "content": made},
        {"role": "user", "content": f"Result of {name}: {result}"},
    ]
