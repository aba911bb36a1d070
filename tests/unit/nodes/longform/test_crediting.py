"""Citations that code adds where the writer left them out."""

from __future__ import annotations

from typing import Any

import pytest

from tandem.nodes.longform.crediting import with_citations

PASSAGES: Any = {
    "p2": {
        "id": "a",
        "source": "a",
        "heading": "Club > Rota",
        "text": "Members water twice a week.",
    },
    "p5": {
        "id": "b",
        "source": "b",
        "heading": "Club > Shed",
        "text": "The shed key hangs inside.",
    },
}
TEA = "Tea is grown in many countries of the world"
ROTA = "Club members water the beds twice every week by rota"


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        (f"{ROTA}.", f"{ROTA} [p2]."),
        (f"{ROTA} [p5].", f"{ROTA} [p2]."),
        (f"{ROTA} [p2][p5].", f"{ROTA} [p2]."),
        (f"{ROTA} [p7].", f"{ROTA} [p7]."),
        (f"{TEA} [p5].", f"{TEA}."),
        ("Jedes Mitglied holt den Schl\u00fcssel zum Haus [p5].",) * 2,
        (f"{ROTA}", f"{ROTA} [p2]"),
        (f'They say: "{ROTA}."', f'They say: "{ROTA} [p2]."'),
        ("Tea is grown in many countries of the world.",) * 2,
        ("Water twice.",) * 2,
        (f"- {ROTA}.\n\n{ROTA}!", f"- {ROTA} [p2].\n\n{ROTA} [p2]!"),
    ],
)
def test_the_supporting_passage_is_cited(text: str, cited: str) -> None:
    assert with_citations(text, PASSAGES) == cited


def test_without_passages_nothing_is_cited() -> None:
    assert with_citations(f"{ROTA}.", {}) == f"{ROTA}."


def test_a_source_of_an_earlier_answer_whose_text_is_not_known_is_kept() -> None:
    earlier: Any = {"p1": {"id": "c", "source": "c", "heading": "The tea", "text": "The tea"}}
    assert with_citations(f"{ROTA} [p1].", {**PASSAGES, **earlier}) == f"{ROTA} [p1]."
