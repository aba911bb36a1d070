"""What the logs of OpenAI, LangSmith, Langfuse and LiteLLM say of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem.loop.audit.draft import Draft
from tandem.loop.audit.messages import chat_of, text_of
from tandem.loop.audit.row import Unreadable

Fields = Mapping[str, Any]
_NO_FIELDS: Final[Fields] = {}


def openai(record: Fields) -> Draft:
    """A request with its response (also as `{"body": ...}`), or a stored completion.

    Sources: https://platform.openai.com/docs/api-reference/chat and /responses
    """
    request = _body(record, "request") or _body(record, "body") or record
    response = _body(record, "response") or record
    asked = _first(request, "messages", "input", "prompt")
    if asked is None and not any(name in response for name in ("usage", "choices", "output")):
        raise Unreadable("fields `messages` (or `input`) and `usage` are missing")
    chat, usage = chat_of(asked), _fields(response, "usage")
    told = request.get("instructions")
    instructions = told if isinstance(told, str) else ""
    chars = chat.chars + len(instructions)
    return Draft(
        when=_first(record, "timestamp", "created_at", "created", "time")
        or _first(response, "created", "created_at"),
        text=chat.text,
        system="\n".join(filter(None, (instructions, chat.system))),
        others=chat.others,
        input_chars=chars or None,
        output_chars=_length(_openai_output(response)),
        input_tokens=_first(usage, "prompt_tokens", "input_tokens"),
        output_tokens=_first(usage, "completion_tokens", "output_tokens"),
        model=_first(response, "model") or _first(request, "model") or "",
        provider=record.get("provider") or "openai",
        cost=_first(record, "cost", "cost_usd"),
        seconds=_seconds(record),
        error=record.get("error") or response.get("error") or _bad_status(record),
        tenant=_first(record, "tenant") or "",
    )


def langsmith(record: Fields) -> Draft | None:
    """A run of an LLM; None: another kind of run, whose calls are runs of their own.

    Source: https://docs.langchain.com/langsmith/run-data-format
    """
    if record.get("run_type") != "llm":
        return None
    if "inputs" not in record:
        raise Unreadable("field `inputs` is missing")
    chat, outputs = chat_of(record["inputs"]), _fields(record, "outputs")
    extra = _fields(record, "extra")
    metadata, params = _fields(extra, "metadata"), _fields(extra, "invocation_params")
    usage = _fields(outputs, "usage_metadata") or _fields(
        _fields(outputs, "llm_output"), "token_usage"
    )
    return Draft(
        when=record.get("start_time"),
        ended=record.get("end_time"),
        text=chat.text,
        system=chat.system,
        others=chat.others,
        input_chars=chat.chars or None,
        output_chars=_length(_langsmith_output(outputs)),
        input_tokens=_first(record, "prompt_tokens")
        or _first(usage, "input_tokens", "prompt_tokens"),
        output_tokens=_first(record, "completion_tokens")
        or _first(usage, "output_tokens", "completion_tokens"),
        model=_first(metadata, "ls_model_name") or _first(params, "model", "model_name") or "",
        provider=metadata.get("ls_provider") or "",
        cost=record.get("total_cost") or None,
        currency="USD" if record.get("total_cost") else "",
        error=record.get("error") or record.get("status") == "error",
        tenant=_first(metadata, "tenant", "tenant_id") or "",
    )


def langfuse(record: Fields) -> Draft | None:
    """An observation that is a generation; None: another kind.

    Source: https://langfuse.com/docs/api-and-data-platform (observations, v1 and v2)
    """
    if str(record.get("type", "GENERATION")).upper() != "GENERATION":
        return None
    if "input" not in record:
        raise Unreadable("field `input` is missing")
    chat = chat_of(_parsed(record["input"]))
    usage = _fields(record, "usageDetails", "usage_details", "usage")
    cost = _first(record, "calculatedTotalCost", "totalCost", "total_cost")
    if cost is None:
        cost = _fields(record, "costDetails", "cost_details").get("total")
    return Draft(
        when=_first(record, "startTime", "start_time"),
        ended=_first(record, "endTime", "end_time"),
        text=chat.text,
        system=chat.system,
        others=chat.others,
        input_chars=chat.chars or None,
        output_chars=_length(_message_text(_parsed(record.get("output")))),
        input_tokens=_first(usage, "input", "promptTokens", "prompt_tokens", "input_tokens"),
        output_tokens=_first(
            usage, "output", "completionTokens", "completion_tokens", "output_tokens"
        ),
        model=_first(record, "providedModelName", "provided_model_name", "model") or "",
        cost=cost or None,
        currency="USD" if cost else "",
        seconds=record.get("latency"),
        error=record.get("level") == "ERROR",
    )


def litellm(record: Fields) -> Draft:
    """A line of the proxy's spend logs; a cost of 0 is what it notes of models that it does not
    know, and counts as none.

    Source: https://docs.litellm.ai/docs/proxy/cost_tracking
    """
    chat = chat_of(_parsed(record.get("messages")))
    spend = record.get("spend")
    return Draft(
        when=record.get("startTime"),
        ended=record.get("endTime"),
        text=chat.text,
        system=chat.system,
        others=chat.others,
        input_chars=chat.chars or None,
        output_chars=_length(_openai_output(_fields({"r": _parsed(record.get("response"))}, "r"))),
        input_tokens=record.get("prompt_tokens"),
        output_tokens=record.get("completion_tokens"),
        model=record.get("model") or "",
        provider=record.get("custom_llm_provider") or "",
        cost=spend or None,
        currency="USD" if spend else "",
        error=record.get("status") == "failure",
        tenant=_first(record, "team_id") or "",
    )


def _parsed(value: Any) -> Any:
    """Exports write nested JSON as text; what is none stays a text."""
    import json

    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _body(record: Fields, name: str) -> Fields:
    inner = _parsed(record.get(name))
    if not isinstance(inner, Mapping):
        return _NO_FIELDS
    body = _parsed(inner.get("body"))
    return body if isinstance(body, Mapping) else inner


def _fields(record: Fields, *names: str) -> Fields:
    """The first of `names` that is an object; else one without fields."""
    found = (_parsed(record.get(name)) for name in names)
    return next((each for each in found if isinstance(each, Mapping) and each), _NO_FIELDS)


def _first(record: Fields, *names: str) -> Any:
    return next((record[name] for name in names if record.get(name) is not None), None)


def _seconds(record: Fields) -> Any:
    milliseconds = _first(record, "latency_ms", "duration_ms")
    if isinstance(milliseconds, int | float):
        return milliseconds / 1000
    return _first(record, "seconds", "latency_s", "duration")


def _bad_status(record: Fields) -> bool:
    status = _fields(record, "response").get("status_code", record.get("status_code"))
    return isinstance(status, int) and status >= 400


def _openai_output(response: Fields) -> str:
    choices = response.get("choices")
    if isinstance(choices, list):
        return "\n".join(_message_text(each) for each in choices)
    return _message_text(response.get("output"))


def _langsmith_output(outputs: Fields) -> str:
    generations = outputs.get("generations")
    if isinstance(generations, list):
        return _message_text(generations)
    return _message_text(outputs.get("output", outputs))


def _message_text(value: Any) -> str:
    """The text of an answer in any of the shapes that logs have."""
    if isinstance(value, list):
        return "\n".join(filter(None, map(_message_text, value)))
    if isinstance(value, Mapping):
        inner = _first(value, "message", "content", "text", "choices")
        return _message_text(inner) if not isinstance(inner, str) else inner
    return text_of(value)


def _length(text: str) -> int | None:
    return len(text) or None
