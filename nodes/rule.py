"""Attempts that no model makes: what code alone can answer."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from tandem.records import Attempt


def rule_attempt(
    output: Any, text: str = "", signals: Mapping[str, float] | None = None
) -> Attempt:
    """An Attempt by a rule: no model, no call, no tokens, no cost."""
    return Attempt(
        id=uuid.uuid4().hex,
        purpose="answer",
        tier="rule",
        model="",
        output=output,
        text=text,
        finish="stop",
        usage={"input_tokens": 0, "output_tokens": 0},
        calls=0,
        seconds=0.0,
        cost=0.0,
        signals=dict(signals or {}),
        error=None,
    )
