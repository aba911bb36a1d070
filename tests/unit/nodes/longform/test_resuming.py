"""What is read back of a text that an earlier answer left unfinished."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.longform.assembling import assembled
from tandem.nodes.longform.lengths import asked_length
from tandem.nodes.longform.resuming import Unfinished, unfinished
from tandem.records import Request
from tandem.settings import LongformSettings
from tests.unit.nodes.longform.texts import BRIEF

HALF = "# Title\n\nSummary.\n\n## Tools\n\nA shed [1]. A key.\n\n## Water\n\nTwice a week. On Mon"


def read(text: str, asked: str = "continue", *further: str) -> Unfinished | None:
    turns = [{"role": "user", "content": BRIEF}, {"role": "assistant", "content": text}]
    for content in further:
        turns += [{"role": "user", "content": "go on"}, {"role": "assistant", "content": content}]
    return unfinished(cast("Request", {"text": asked, "messages": turns}))


def test_sections_and_brief_are_read_back() -> None:
    found = read(HALF)
    assert found is not None
    assert found.brief == BRIEF
    assert [(one["title"], one["text"]) for one in found.sections] == [
        ("Tools", "A shed . A key."),
        ("Water", "Twice a week."),
    ]
    assert found.open_end


LONG_FINISH = f"Finish report: write 1500 words on {'what the gardens need, ' * 5}please."


@pytest.mark.parametrize(
    ("brief", "before"),
    [
        ("Resume of our Q3 security review, 1500 words", []),
        (LONG_FINISH, []),
        (LONG_FINISH, [("user", "Hello"), ("assistant", "Hi.")]),
    ],
)
def test_a_brief_may_begin_like_continue(brief: str, before: list[tuple[str, str]]) -> None:
    said = [*before, ("user", brief), ("assistant", HALF), ("user", "go on"), ("assistant", HALF)]
    turns = [{"role": role, "content": content} for role, content in said]
    found = unfinished(cast("Request", {"text": "continue", "messages": turns}))
    assert found is not None
    assert found.brief == brief


def test_sources_are_known_again() -> None:
    section: Any = {
        "title": "Tools",
        "text": "A shed [p3].",
        "aim": 3,
        "by": "llm",
        "repaired": False,
    }
    passage: Any = {"id": "a (b).md#2", "source": "a (b).md", "heading": "Club, Tools", "text": "x"}
    length = asked_length(BRIEF, LongformSettings())
    top: Any = {"title": "Club", "summary": ""}
    text = assembled(top, [section], [{"title": "Tools"}], {"p3": passage}, length)["text"]
    found = read(text)
    assert found is not None
    assert [one["text"] for one in found.sections] == ["A shed [p1]."]
    assert found.passages == [{**passage, "text": "Club, Tools"}]
    assert not found.open_end


@pytest.mark.parametrize(
    "asked",
    ["continue", "Please continue.", "Go on!", "ok, keep writing", "weiter", "Can you finish it?"],
)
def test_who_asks_to_go_on(asked: str) -> None:
    assert read(HALF, asked) is not None


@pytest.mark.parametrize(
    "asked",
    ["Write on tea.", "Shorten it.", "continue " * 20, "Does it continue to rain?", ""],
)
def test_who_asks_for_something_else(asked: str) -> None:
    assert read(HALF, asked) is None


def test_without_an_earlier_text_there_is_nothing_to_go_on_with() -> None:
    turns = [{"role": "user", "content": BRIEF}]
    assert unfinished(cast("Request", {"text": "continue", "messages": turns})) is None
    assert unfinished({"text": "continue"}) is None
    assert read("   ") is None


def test_later_answers_go_on_from_earlier_ones_or_hold_them() -> None:
    piece = read("## Tools\n\nA shed.", "continue", "## Water\n\nTwice.")
    whole = read("## Tools\n\nA shed.", "continue", "## Tools\n\nA shed.\n\n## Water\n\nTwice.")
    assert piece is not None
    assert whole is not None
    assert piece.sections == whole.sections
    assert [one["title"] for one in whole.sections] == ["Tools", "Water"]


def test_a_text_without_headings_is_one_section() -> None:
    found = read("A shed. A key.")
    assert found is not None
    assert [(one["title"], one["text"]) for one in found.sections] == [
        ("Beginning", "A shed. A key.")
    ]


def test_a_section_with_half_a_sentence_is_written_anew() -> None:
    found = read("## Tools\n\nA shed.\n\n## Water\n\nTwice a")
    assert found is not None
    assert ([one["title"] for one in found.sections], found.open_end) == (["Tools"], False)


@given(st.text(max_size=300))
def test_no_earlier_text_breaks_the_reading(text: str) -> None:
    found = read(text)
    assert found is None or all(section["text"] for section in found.sections)
