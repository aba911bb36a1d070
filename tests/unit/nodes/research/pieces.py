"""Passages, questions and findings for tests of research."""

from __future__ import annotations

from typing import Any

from tandem.nodes.research.records import Finding, Passage, Question, Reading

LEAVE = (
    "You can earn annual leave.\nBetween 3 and 15 years: 6 hours per pay period. Everybody earns "
    "four hours of sick leave per pay period."
)


def passage(id_: str = "leave.md#1", text: str = LEAVE, **fields: Any) -> Passage:
    made: dict[str, Any] = {
        "id": id_,
        "source": id_.partition("#")[0],
        "heading": "Leave > Hours of leave",
        "text": text,
        "start": 0,
        "score": 0.8,
        **fields,
    }
    return made  # type: ignore[return-value]


def question(text: str = "How many hours of sick leave are earned?", kind: str = "number") -> Any:
    return Question(question=text, kind=kind)  # type: ignore[typeddict-item]


def reading(outcome: str = "found", **fields: Any) -> Reading:
    made: dict[str, Any] = {
        "question": 0,
        "passage": "leave.md#1",
        "outcome": outcome,
        "value": "6 hours",
        "span": [27, 74],
        "fit": 0.5,
        **fields,
    }
    return made  # type: ignore[return-value]


def finding(id_: str = "1", quote: str = "A locker costs 8 dollars.", **fields: Any) -> Finding:
    made: dict[str, Any] = {
        "id": id_,
        "question": 0,
        "value": "8 dollars",
        "passage": "lockers.md#1",
        "source": "lockers.md",
        "heading": "Lockers",
        "span": [0, len(quote)],
        "quote": quote,
        "shown": quote,
        **fields,
    }
    return made  # type: ignore[return-value]


def prepared(**fields: Any) -> dict[str, Any]:
    return {
        "question": "What does a locker cost?",
        "turns": [],
        "questions": [question("What does a locker cost?")],
        "readings": [reading()],
        "findings": [finding()],
        "passages": [passage()],
        "rounds": 1,
        "left_out": 0,
        "documents": None,
        **fields,
    }
