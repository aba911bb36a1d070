from __future__ import annotations

from typing import Any

import pytest

from tandem.nodes.citing import retrieve


class Shelf:
    """Finds one passage, always at the same cosine."""

    def search(self, text: str, k: int, tenant: str = "") -> list[Any]:
        chunk = {
            "id": "travel#1",
            "source": "travel.md",
            "heading": "Travel > Hotels",
            "text": "A hotel in Lisbon may cost 120 euros a night.",
            "start": 0,
            "end": 45,
        }
        return [{"chunk": chunk, "score": 0.9, "cosine": 0.6, "lexical": 4.0}][:k]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("What may a hotel in Lisbon cost?", True),
        ("What may a hotel cost?", True),
        ("What may a hotel in Berlin cost?", False),
    ],
)
def test_a_question_about_a_name_that_no_passage_holds_is_not_answered(
    question: str, found: bool
) -> None:
    prepared = retrieve({"text": question}, Shelf(), 4, 0.45)
    assert prepared["found"] is found
    assert bool(prepared["passages"]) is found


def test_a_passage_that_is_too_far_away_is_none() -> None:
    assert not retrieve({"text": "What may a hotel cost?"}, Shelf(), 4, 0.7)["found"]
