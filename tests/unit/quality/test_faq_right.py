"""Which answers from the knowledge base are right."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.quality.faq_right import faq_right

QUESTION = "How much leave do I earn?"
PASSAGE = "Full-time staff earn six hours of annual leave per pay period."


def answer(text: str | None, *sources: str) -> dict[str, Any]:
    cited = [{"source": source} for source in sources]
    return {"answer": text, "citations": cited, "found": text is not None}


@pytest.mark.parametrize(
    ("output", "source", "passage", "right"),
    [
        (answer("You earn six hours.", "docs/leave.md"), "leave.md", PASSAGE, True),
        (answer("You earn six hours.", "leave.md"), "leave.md", "", True),
        (answer("Parking is free on Sundays.", "leave.md"), "leave.md", PASSAGE, False),
        (answer("You earn six hours.", "parking.md"), "leave.md", PASSAGE, False),
        (answer(None), "leave.md", PASSAGE, False),
        (answer(None), "", "", True),
        (answer("Six.", "leave.md"), "", "", False),
        (None, "", "", False),
    ],
)
def test_what_is_right(output: Any, source: str, passage: str, right: bool) -> None:
    assert faq_right(output, source, passage, QUESTION) is right
