"""Every SLM task as a tool: the expensive model delegates the cheap work.

The sub-request goes through the same graph as any other, with its task declared: it is checked and,
where it must be, escalated. Only an accepted output comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tandem.records import SLM_TASKS, Answer, Request
from tandem.tools.base import Tool, ToolArgumentError, ToolError, parameters

RunTask = Callable[[Request], Answer]
READY_SCHEMAS: Final = ("invoice", "invoice_lines", "receipt", "purchase_order", "contact_form")
ON_KNOWLEDGE: Final = frozenset({"faq", "support_reply"})
"""Tasks that answer from the knowledge base."""
DEFAULT_LABELS: Final = ("positive", "negative", "neutral")

_LOOK: Final = "Ask for the task by itself: its answer holds the drafts and the reasons."

_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 8000}
_NAMES: Final = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 60}}
_LABELS: Final = {**_NAMES, "minItems": 2, "maxItems": 20}
_FIELDS: Final = {**_NAMES, "minItems": 1, "maxItems": 20}
_SCHEMA_NAME: Final = {"enum": list(READY_SCHEMAS)}

PARAMETERS: Final[Mapping[str, Any]] = {
    "extraction": parameters({"text": _TEXT}, {"fields": _FIELDS, "document_type": _SCHEMA_NAME}),
    "faq": parameters({"text": _TEXT}),
    "sentiment": parameters({"text": _TEXT}, {"labels": _LABELS}),
    "document_classification": parameters({"text": _TEXT, "labels": _LABELS}),
    "draft": parameters({"text": _TEXT}),
    "support_reply": parameters({"text": _TEXT}),
}
DESCRIPTIONS: Final[Mapping[str, str]] = {
    "extraction": "reads named fields, or those of a document_type, out of a text",
    "faq": "a short answer in words to a question about the knowledge base",
    "sentiment": "the sentiment of a text (positive, negative, neutral, or the labels given)",
    "document_classification": "which of the labels fits a text",
    "draft": "writes a short text after an instruction",
    "support_reply": "writes a reply to a customer's message",
}


def subrequest(task: str, arguments: Mapping[str, Any], inherited: Request) -> Request:
    """The request for `task`: the arguments, and what it takes over from the agent's request.

    Raises
    ------
    ToolArgumentError: an extraction without `fields` and `document_type`.
    """
    request: Request = {**inherited, "task": task, "text": arguments["text"]}
    if "labels" in arguments:
        request["labels"] = list(arguments["labels"])
    elif task == "sentiment":
        request["labels"] = list(DEFAULT_LABELS)
    if task == "extraction":
        request["output_schema"] = _output_schema(arguments)
    return request


def _output_schema(arguments: Mapping[str, Any]) -> dict[str, Any] | str:
    if "document_type" in arguments:
        return str(arguments["document_type"])
    if "fields" not in arguments:
        raise ToolArgumentError("extraction: give `fields` or `document_type`.")
    value = {"type": ["string", "number", "null"], "maxLength": 200}
    return dict(parameters(dict.fromkeys(arguments["fields"], value)))


def inherited_fields(request: Request) -> Request:
    """What a sub-request takes over: a sensitivity can so only rise, and the tenant stays."""
    kept = ("sensitivity", "tenant", "latency", "quality")
    return {key: request[key] for key in kept if key in request}  # type: ignore[return-value,literal-required]


def delegate_tools(run_task: RunTask, inherited: Request, has_knowledge: bool) -> list[Tool]:
    """A tool for every SLM task that can work here; the result is the accepted output.

    Parameters
    ----------
    run_task: carries out a request, under the agent's own run.
    inherited: fields of the agent's request that every sub-request takes over.
    has_knowledge: whether there is a knowledge base, which ON_KNOWLEDGE answer from.
    """
    return [
        _delegate(task, run_task, inherited)
        for task in SLM_TASKS
        if has_knowledge or task not in ON_KNOWLEDGE
    ]


def _delegate(task: str, run_task: RunTask, inherited: Request) -> Tool:
    def run(arguments: Mapping[str, Any]) -> Any:
        answer = run_task(subrequest(task, arguments, inherited))
        if answer["status"] != "accepted":
            error = answer["error"]
            if error is None or error["code"] == "rejected":
                raise ToolError(f"{task}: the output was rejected by the quality check.", _LOOK)
            raise ToolError(f"{task}: no output ({error['code']}).", error["remedy"] or _LOOK)
        return answer["output"]

    return Tool(name=task, description=DESCRIPTIONS[task], parameters=PARAMETERS[task], run=run)
