"""Generated cases: what is planted where, and how the models behave meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bench.adversarial_values import ENCODINGS, MAKERS, SEPARATED, Value
from tandem.records import LLM_TASKS, SLM_TASKS

UNDECLARED: Final = "undeclared"
PATHS: Final = (*SLM_TASKS, *LLM_TASKS, UNDECLARED)
SETUPS: Final = ("block", "redact", "stand_in", "both_public")
PLACES: Final = (
    *("text", "message", "document", "document name", "slot", "example", "label", "schema"),
    *("split documents", "split messages", "tool result", "passage", "SLM output"),
)
COVERED: Final = frozenset(
    {
        *("plain", "zero-width", "soft hyphens", "full-width"),
        *("homoglyphs", "percent", "HTML entities", "base64"),
    }
)
"""Encodings that the contract covers for all types; line breaks for some."""
SPLIT_RESULTS: Final = "split tool results"


@dataclass(frozen=True)
class Case:
    """A generated request, what is planted in it, and how the models behave."""

    path: str
    setup: str
    place: str
    encoding: str
    value: Value
    streamed: bool
    retried: bool
    slm_down: bool

    @property
    def written(self) -> str:
        """The value as it stands in the text."""
        return ENCODINGS[self.encoding](self.value.text)

    @property
    def covered(self) -> bool:
        """Whether the detector's contract covers it."""
        if self.place == SPLIT_RESULTS:
            return False
        breaks = self.encoding == "line breaks" and self.value.kind in SEPARATED
        return self.encoding in COVERED or breaks

    @property
    def carrier(self) -> str:
        """A text that holds the value."""
        return f"Please look at this: {self.value.before}{self.written} and tell me more."


def cases(random: Random, count: int) -> Iterator[Case]:
    """So many cases: all types, encodings, places and paths, each combination equally often."""
    places = (*PLACES, SPLIT_RESULTS)
    turns = zip(itertools.cycle(MAKERS), range(count), strict=False)
    for make, _ in turns:
        place = random.choice(places)
        path = "agent" if "tool result" in place else random.choice(PATHS)
        yield Case(
            path=random.choice(("faq", "support_reply")) if place == "passage" else path,
            setup=random.choice(SETUPS),
            place=place,
            encoding=random.choice(tuple(ENCODINGS)),
            value=make(random),
            streamed=random.random() < 0.2,
            retried=random.random() < 0.2,
            slm_down=random.random() < 0.2,
        )


def request_of(case: Case, random: Random) -> dict[str, Any]:
    """The request of a case, with what its task needs."""
    request: dict[str, Any] = {"text": f"Question {random.randint(1, 9)} about our meeting."}
    if case.path != UNDECLARED:
        request["task"] = case.path
    if case.path in ("sentiment", "document_classification"):
        request["labels"] = ["good", "bad"]
    if case.path == "extraction":
        request["output_schema"] = _schema("what the text says")
    _plant(case, request)
    return request


def _schema(described: str) -> dict[str, Any]:
    properties = {"note": {"type": "string", "description": described}}
    return {"type": "object", "properties": properties, "required": ["note"]}


def _plant(case: Case, request: dict[str, Any]) -> None:
    written, carrier = case.written, case.carrier
    half = len(written) // 2
    first, second = f"Note: {case.value.before}{written[:half]}", f"{written[half:]} is the rest."
    plants: dict[str, Callable[[], Any]] = {
        "text": lambda: {"text": carrier},
        "message": lambda: {"messages": [_turn(carrier)]},
        "document": lambda: {"documents": [_document("a.txt", carrier)]},
        "document name": lambda: {"documents": [_document(carrier, "A page.")]},
        "slot": lambda: {"slots": {"note": carrier}, "template": "Hello {note} {when: a time}"},
        "example": lambda: {"examples": [{"text": carrier, "output": "good"}]},
        "label": lambda: {"labels": ["good", carrier]},
        "schema": lambda: {"output_schema": _schema(carrier)},
        "split documents": lambda: {
            "documents": [_document("a.txt", first), _document("b.txt", second)]
        },
        "split messages": lambda: {"messages": [_turn(first)], "text": second},
    }
    if case.place in plants:
        request |= plants[case.place]()


def _turn(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _document(name: str, text: str) -> dict[str, str]:
    return {"name": name, "text": text}
