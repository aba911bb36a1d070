"""Cases for tests."""

from __future__ import annotations

from typing import Any

from tandem.evals.case import Case


def case(number: int = 1, text: str = "A fine film.", **fields: Any) -> Case:
    made: dict[str, Any] = {
        "id": f"row-{number}",
        "suite": "films",
        "task": "sentiment",
        "request": {"text": text, "task": "sentiment", "labels": ["positive", "negative"]},
        "files": [],
        "expected": "positive",
        "tags": [],
        **fields,
    }
    return made  # type: ignore[return-value]
