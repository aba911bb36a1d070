"""Logs and services for the audit's tests: no real model, a folder of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tandem.loop.audit.options import Options
from tandem.loop.audit.reading import Format, Logs
from tandem.loop.audit.row import LogRow

SECRET = "QUINCE"
OPTIONS = Options()
START = datetime(2026, 11, 2, 8, tzinfo=UTC)


def written(path: Path, records: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    return path


def read(
    path: Path, options: Options = OPTIONS, chosen: Format | None = None
) -> tuple[list[LogRow], Logs]:
    logs = Logs([path], options, chosen)
    return list(logs.rows()), logs


def mapped(**columns: str) -> Options:
    return replace(OPTIONS, columns=columns)


def row(**given: Any) -> LogRow:
    known: dict[str, Any] = {
        "when": None,
        "prompt": "",
        "text": "some text",
        "system": "",
        "input_tokens": 1000,
        "output_tokens": 100,
        "estimated": False,
        "model": "gpt-4o",
    }
    return LogRow(**{**known, **given})


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def chat(text: str, system: str = "", **more: Any) -> Mapping[str, Any]:
    messages = [{"role": "system", "content": system}] if system else []
    return {
        "timestamp": START.isoformat(),
        "request": {"model": "gpt-4o", "messages": [*messages, {"role": "user", "content": text}]},
        "response": {
            "model": "gpt-4o-2024-08-06",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
            "choices": [{"message": {"content": "An answer."}}],
        },
        **more,
    }
