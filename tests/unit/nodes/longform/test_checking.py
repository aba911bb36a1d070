"""What code takes out of a section, and what it says of a whole text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.longform.checking import (
    cited,
    cleaned,
    open_places,
    plain_marks,
    problems_of,
    repeated_paragraphs,
    repeated_share,
    sentences_of,
    trimmed,
)
from tandem.nodes.longform.lengths import word_count
from tests.unit.nodes.longform.texts import prose

FIRST = "The rota names a member for each day of the week."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("So it is. [p1]", "So it is [p1]."),
        ("So it is [p1, p2].", "So it is [p1][p2]."),
        ("So it is (P1 and p2).", "So it is [p1][p2]."),
        ("So it is [passage p3].", "So it is [p3]."),
        ("A list (p. 3) stays.", "A list (p. 3) stays."),
    ],
)
def test_citations_are_written_in_one_way(text: str, plain: str) -> None:
    assert plain_marks(text) == plain


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"## Watering\n\n{FIRST}", FIRST),
        (f"**Watering**\n{FIRST}", FIRST),
        (f"Section 2: Watering\n\n{FIRST}", FIRST),
        (f"{FIRST} It costs nothing [p7].", FIRST),
        (f"{FIRST} Ask [Your Name] for it.", FIRST),
        (f"{FIRST} Water early [p1].", f"{FIRST} Water early [p1]."),
        (f"{FIRST} {FIRST}", FIRST),
        (f"{FIRST} Yes. It is so. Yes.", f"{FIRST} Yes. It is so. Yes."),
        (f"- {FIRST}\n- Water early.", f"- {FIRST}\n- Water early."),
        (f"1. {FIRST}\n2. Pay [p7].\n3. Water early.", f"- {FIRST}\n- Water early."),
        ('He said "early." Then he left.', 'He said "early." Then he left.'),
        ("", ""),
    ],
)
def test_what_may_not_stand_in_a_section_is_left_out(text: str, kept: str) -> None:
    assert cleaned(text, ["p1"], before="") == kept


def test_numbers_come_from_the_sources_where_there_are_any() -> None:
    text = "It takes 30 days [p1]. It takes 12 days [p1]."
    assert cleaned(text, ["p1"], "", sources=["Within 12 days."]) == "It takes 12 days [p1]."
    assert cleaned(text, ["p1"], "") == text


def test_what_earlier_sections_say_is_left_out() -> None:
    again = "As said, the rota names a member for each day of the week, always."
    assert cleaned(f"{FIRST} {again} Water early.", [], before=FIRST) == "Water early."


def test_a_text_that_repeats_itself_ends_there() -> None:
    text = f"{FIRST}\n\nWater early.\n\n{FIRST}\n\nThis comes after the repeat."
    assert cleaned(text, [], before="") == f"{FIRST}\n\nWater early."


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Water early. Then the sun", "Water early."),
        ("Water early.", "Water early."),
        ("Water ear", ""),
    ],
)
def test_of_a_text_that_was_cut_off_whole_sentences_stay(text: str, whole: str) -> None:
    assert cleaned(text, [], before="", cut=True) == whole


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_text_is_trimmed_after_a_sentence(words: int, most: int) -> None:
    text = f"{prose(words, 'a')}\n\n{prose(words, 'b')}"
    short = trimmed(text, most)
    assert text.startswith(short)
    assert short.endswith(".")
    assert word_count(short) <= max(most, 10)
    assert word_count(short) > min(most, word_count(text)) - 10


def test_trimming_keeps_paragraphs_and_lists_apart() -> None:
    text = "One two.\nThree four. Five six.\n\nSeven eight. Nine ten."
    assert trimmed(text, 8) == "One two.\nThree four. Five six.\n\nSeven eight."
    assert trimmed(text, 100) == text


def test_places_to_fill_in_are_found() -> None:
    text = "[Your Name] and [date], not [1], [p2], [a link](b), {x} or <b>."
    assert open_places(text) == ["[Your Name]", "[date]"]


def test_repeats_are_measured() -> None:
    text = prose(100, "a")
    assert repeated_share(text) == 0
    assert repeated_share(f"{text}\n\n{text}") == pytest.approx(0.48, abs=0.03)
    assert repeated_share("short") == 0
    assert repeated_paragraphs(f"{text}\n\nYes.\n\nYes.\n\n{text}") == 1


@pytest.mark.parametrize(
    ("words", "before", "problems"),
    [
        (100, "", []),
        (70, "", ["it had 70 words in place of 100"]),
        (130, "", ["it had 130 words in place of 100; be shorter"]),
        (100, "the same", ["it said again what earlier sections say"]),
        (0, "", ["it was empty, or said only what was said before"]),
    ],
)
def test_the_problems_of_a_section(words: int, before: str, problems: list[str]) -> None:
    text = prose(words, "a") if words else ""
    assert problems_of(text, 100, prose(50, "a") if before else "") == problems


@given(st.text(max_size=300), st.text(max_size=100))
def test_cleaning_never_breaks_and_only_leaves_known_marks(text: str, before: str) -> None:
    kept = cleaned(text, ["p1"], before, cut=True)
    assert set(cited(kept)) <= {"p1"}
    assert all(sentence.strip() for sentence in sentences_of(kept))


def test_a_page_of_blanks_is_one_space_or_line() -> None:
    gap = " " * 100_000
    assert len(sentences_of(f"First{gap}one\n{gap}Second one.{gap}Third")) == 3
