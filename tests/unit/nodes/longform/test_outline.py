"""The outline: its prompt, and what is made of what the model writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tandem.nodes.longform.evidence import Passage
from tandem.nodes.longform.outline import outline_prompt, read_outline, scaled, section_count
from tests.unit.nodes.longform.texts import BRIEF, outline
from tests.unit.snapshots import assert_stored

PASSAGE = Passage(id="club.md#1", source="club.md", heading="Club > Tools", text="A shed.")


def templates(*kinds: str, **fields: Any) -> list[str]:
    """The templates that are left of these."""
    titles = [f"Title {number}" for number in range(len(kinds))]
    data = json.loads(outline(*titles, **fields))
    for section, kind in zip(data["sections"], kinds, strict=True):
        section["template"] = kind
    return [section["template"] for section in read_outline(json.dumps(data), 400)]


def test_the_prompt_is_as_it_was() -> None:
    assert_stored("longform_outline", outline_prompt(BRIEF, 300, 150, {"p1": PASSAGE}, ["Welcome"]))


@pytest.mark.parametrize(
    ("words", "sections"),
    [(100, 1), (300, 2), (500, 3), (800, 4), (1500, 6), (3000, 10), (5000, 10)],
)
def test_longer_texts_have_more_sections(words: int, sections: int) -> None:
    assert section_count(words, 300) == sections


def test_lengths_are_brought_to_the_whole() -> None:
    planned = read_outline(outline("One", "Two", "Three", words=20), 600)
    assert [section["words"] for section in planned] == [200, 200, 200]


def test_no_section_gets_nearly_nothing_or_nearly_all() -> None:
    sections = read_outline(outline("One", "Two", "Three"), 600)
    uneven = [{**one, "words": words} for one, words in zip(sections, (20, 20, 1000), strict=True)]
    lengths = [section["words"] for section in scaled(uneven, 600)]  # type: ignore[arg-type]
    assert min(lengths) >= 100
    assert sum(lengths) == pytest.approx(600, abs=3)


def test_a_title_is_planned_once() -> None:
    planned = read_outline(outline("Tools", "## tools", "Water", "Done"), 600, done=["done"])
    assert [section["title"] for section in planned] == ["Tools", "Water"]


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        (("introduction", "none", "none"), ["introduction", "none", "none"]),
        (("none", "introduction", "none"), ["none", "none", "none"]),
        (("none", "disclaimer", "sign_off"), ["none", "disclaimer", "sign_off"]),
        (("disclaimer", "none", "none"), ["none", "none", "none"]),
        (("introduction", "disclaimer"), ["none", "none"]),
        (("introduction",), ["none"]),
    ],
)
def test_a_template_counts_only_in_its_place(kinds: tuple[str, ...], left: list[str]) -> None:
    assert templates(*kinds) == left


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"sections": []}', '{"sections": [{}]}'])
def test_what_is_no_outline_is_none(text: str) -> None:
    assert read_outline(text, 500) == []
