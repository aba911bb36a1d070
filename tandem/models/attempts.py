"""Attempts put together of the calls that were answered; the same for every kind of TierCall."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tandem.records import Attempt, ErrorInfo, Finish, Purpose, TierName, Usage


@dataclass(frozen=True)
class AnsweredCall:
    """What one answered call (or a few that belong together) came to."""

    text: str
    model: str
    finish: Finish
    usage: Usage
    cost: float
    calls: int = 1
    notes: Mapping[str, float] = field(default_factory=dict)
    """What was redacted and could not be restored; see tandem/privacy/redaction.py."""


class CallLog:
    """The calls of one attempt. Safe for use by threads."""

    def __init__(self, tier: TierName, purpose: Purpose) -> None:
        self._tier: Final = tier
        self._purpose: Final = purpose
        self._lock = threading.Lock()
        self._answered: list[AnsweredCall] = []
        self._seconds = 0.0

    def add(self, call: AnsweredCall) -> None:
        """Count an answered call; only these are charged."""
        with self._lock:
            self._answered.append(call)

    def spend(self, seconds: float) -> None:
        """Count time, whether an answer came or not."""
        with self._lock:
            self._seconds += seconds

    def attempt(
        self,
        output: Any,
        signals: Mapping[str, float] | None = None,
        error: ErrorInfo | None = None,
    ) -> Attempt:
        """The Attempt made of all calls so far; see `TierCall.attempt`."""
        with self._lock:
            answered, seconds = list(self._answered), self._seconds
        last = answered[-1] if answered else None
        return {
            "id": uuid.uuid4().hex,
            "purpose": self._purpose,
            "tier": self._tier,
            "model": last.model if last else "",
            "output": output,
            "text": last.text if last else "",
            "finish": last.finish if last and error is None else "error",
            "usage": {
                "input_tokens": sum(call.usage["input_tokens"] for call in answered),
                "output_tokens": sum(call.usage["output_tokens"] for call in answered),
            },
            "calls": sum(call.calls for call in answered),
            "seconds": seconds,
            "cost": sum(call.cost for call in answered),
            "signals": {**_most(call.notes for call in answered), **(signals or {})},
            "error": error,
        }


def _most(notes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Each note with its highest number: the calls of an attempt speak of the same entities."""
    most: dict[str, float] = {}
    for each in notes:
        most |= {name: max(number, most.get(name, 0.0)) for name, number in each.items()}
    return most
