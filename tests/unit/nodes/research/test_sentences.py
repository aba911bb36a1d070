"""Sentences of wrapped text, lists and tables."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.research.sentences import MOST_CHARS, sentences


def said(text: str) -> list[str]:
    return [one.text for one in sentences(text)]


def test_a_wrapped_sentence_is_whole() -> None:
    text = "Fares are by distance. OAK to Civic Center\nStation is $10.05. See there."
    assert said(text) == [
        "Fares are by distance.",
        "OAK to Civic Center\nStation is $10.05.",
        "See there.",
    ]


def test_items_rows_and_paragraphs_stay_apart() -> None:
    text = "Bring\n- a pen\n- paper\n\n1. First\n2. Second\n| a | b |\n| 1 | 2 |\nEnd\n\nOther"
    assert said(text) == [
        "Bring",
        "- a pen",
        "- paper",
        "1. First",
        "2. Second",
        "| a | b |",
        "| 1 | 2 |",
        "End",
        "Other",
    ]


def test_no_sentence_grows_without_end() -> None:
    assert max(map(len, said("word word word\n" * 500))) <= MOST_CHARS


@given(st.text(alphabet=st.sampled_from("ab .\n-|1:)\t")))
def test_spans_are_those_of_the_text_in_order(text: str) -> None:
    end = 0
    for one in sentences(text):
        assert end <= one.start < one.end
        assert text[one.start : one.end] == one.text
        end = one.end
