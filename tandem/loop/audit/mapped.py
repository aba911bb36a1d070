"""Rows of one's own logs: objects whose fields are named by a column map, or known by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.loop.audit.draft import Draft
from tandem.loop.audit.messages import chat_of
from tandem.loop.audit.row import Unreadable

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text", "prompt", "input", "query", "question", "messages"),
    "system": ("system", "system_prompt", "instructions"),
    "output": ("output", "completion", "answer"),
    "when": ("when", "timestamp", "time", "created", "created_at", "date", "start_time"),
    "ended": ("ended", "end_time"),
    "input_tokens": ("input_tokens", "prompt_tokens", "tokens_in"),
    "output_tokens": ("output_tokens", "completion_tokens", "tokens_out"),
    "model": ("model", "model_name"),
    "provider": ("provider",),
    "cost": ("cost", "usd", "total_cost", "spend"),
    "currency": ("currency",),
    "seconds": ("seconds", "latency_s", "duration_s"),
    "milliseconds": ("milliseconds", "latency_ms", "duration_ms"),
    "error": ("error", "failed"),
    "tenant": ("tenant", "customer", "team"),
    "task": ("task",),
    "latency": ("latency_class", "need"),
    "sensitivity": ("sensitivity",),
}
"""Our fields, and the names under which they are found without a map."""


def checked_map(columns: Mapping[str, str]) -> None:
    """Raises InvalidRequest where a map names no field of ours."""
    for name in columns:
        if name not in FIELDS:
            raise InvalidRequest(f"--map knows no field {name!r}.", f"Fields: {', '.join(FIELDS)}.")


def draft_of(record: Mapping[str, Any], columns: Mapping[str, str]) -> Draft:
    """The row of a record of one's own.

    Raises
    ------
    Unreadable: a field that the map names is missing, or the record has no field known here.
    """
    told = {name: _value(record, name, columns) for name in FIELDS}
    if not any(told[name] not in (None, "") for name in ("text", "when", "model", "cost")):
        named = columns.get("text", "text")
        raise Unreadable(f"field `{named}` is missing, and so are a time, a model and a cost")
    chat, output = chat_of(told["text"]), told["output"]
    system = told["system"] if isinstance(told["system"], str) else ""
    return Draft(
        text=chat.text,
        system=system or chat.system,
        others=chat.others,
        input_chars=chat.chars + len(system) if chat.chars + len(system) else None,
        output_chars=len(output) if isinstance(output, str) and output else None,
        **{name: told[name] for name in _AS_THEY_ARE},
    )


_AS_THEY_ARE: Final = (
    *("when", "ended", "input_tokens", "output_tokens", "model", "provider", "cost", "currency"),
    *("seconds", "milliseconds", "error", "tenant", "task", "latency", "sensitivity"),
)


def _value(record: Mapping[str, Any], name: str, columns: Mapping[str, str]) -> Any:
    if (column := columns.get(name)) is not None:
        return _at(record, column)
    return next((record[each] for each in FIELDS[name] if each in record), None)


def _at(record: Mapping[str, Any], column: str) -> Any:
    """The field `column`, or where there is none, `a.b` as field b of the object a."""
    if column in record:
        return record[column]
    found: Any = record
    for part in column.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise Unreadable(f"field `{column}` is missing")
        found = found[part]
    return found
