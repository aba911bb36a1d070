"""The length that a request asks for, and how words are counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest
from tandem.nodes.longform.lengths import asked_length, word_count
from tandem.settings import LongformSettings

SETTINGS = LongformSettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Write about 800 words on tea.", 800),
        ("An 800-word essay on tea", 800),
        ("1,200 words", 1200),
        ("1.200 Wörter über Tee", 1200),
        ("2 pages on tea", 900),
        ("a two-page memo", 900),
        ("half a page on tea", 225),
        ("one and a half pages", 675),
        ("Write a page.", 450),
        ("fifteen hundred words", 1500),
        ("two thousand five hundred words", 2500),
        ("five-hundred words", 500),
        ("a section of 200 words in an essay of 900 words", 900),
        ("the 100 most used words, in 1500 words", 1500),
        ("Summarise this 20-page report in 500 words.", 500),
        ("Turn the attached 900 words into a 2-page memo.", 900),
        ("einen Text von 600 Wörtern", 600),
        ("3 Seiten über Tee", 1350),
    ],
)
def test_a_length_is_read_from_the_request(text: str, words: int) -> None:
    length = asked_length(text, SETTINGS)
    assert (length["words"], length["asked"]) == (words, True)
    assert (length["least"], length["most"]) == (round(words * 0.8), round(words * 1.2))


@pytest.mark.parametrize(
    ("text", "least", "words", "most"),
    [
        ("500 to 700 words", 500, 600, 700),
        ("500-700 words", 500, 600, 700),
        ("between 500 and 700 words", 500, 600, 700),
        ("at most 1,000 words", 680, 850, 1000),
        ("no more than 2 pages", 612, 765, 900),
        ("at least 850 words", 850, 1000, 1200),
    ],
)
def test_bounds_are_kept(text: str, least: int, words: int, most: int) -> None:
    length = asked_length(text, SETTINGS)
    assert (length["least"], length["words"], length["most"]) == (least, words, most)


@pytest.mark.parametrize(
    "text",
    [
        "Write on tea.",
        "Use simple words.",
        "in one word",
        "a page that sells tea",
        "a web page",
        "Shorten this 20-page report.",
        "the 900 words below",
        "",
    ],
)
def test_without_a_length_the_default_holds(text: str) -> None:
    length = asked_length(text, SETTINGS)
    assert (length["words"], length["asked"]) == (800, False)


@pytest.mark.parametrize("text", ["6,000 words", "0 words", "100 pages"])
def test_a_length_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 5,000"):
        asked_length(text, SETTINGS)


@given(st.integers(1, 5000))
def test_every_number_of_words_is_read(words: int) -> None:
    for text in (f"{words} pens in {words} words please", f"{words:,} words"):
        found = asked_length(text, SETTINGS)
        assert found["words"] == (words if words > 1 else SETTINGS.words)


@given(st.text(max_size=200))
def test_no_request_breaks_the_reading(text: str) -> None:
    try:
        length = asked_length(text, SETTINGS)
    except InvalidRequest:
        return
    assert 0 <= length["least"] <= length["words"] <= length["most"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("# Tea\n\nTea is **hot** [p1][2]. It's well-known; 1,200 cups.", 8),
        ("茶は熱い", 4),
        ("- \n***", 0),
    ],
)
def test_words_are_counted_without_marks(text: str, count: int) -> None:
    assert word_count(text) == count


@pytest.mark.parametrize("odd", ["9" * 20_000, "one " * 5000, "111," * 5000, "1 " * 10_000])
def test_odd_runs_of_numbers_are_no_length(odd: str) -> None:
    assert not asked_length(f"Write about {odd}.", SETTINGS)["asked"]


def test_a_number_of_words_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="1,000,000,000 words"):
        asked_length(f"Write {'9' * 400} words.", SETTINGS)
