"""What a model is shown of a quotation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tandem.nodes.research.showing import QUOTE_CHARS, Showing
from tandem.privacy.detectors import scan

SHOW = Showing(scan, ("none", "internal"))
MAIL = "diana.whitlock@mail.example.org"


def test_links_are_shown_by_their_words_on_one_line() -> None:
    assert SHOW("See [the form](https://example.org/form)\nwithin 5 days.", "5 days") == (
        "See the form within 5 days."
    )


def test_what_may_not_leave_is_cut_off_on_both_sides() -> None:
    quote = f"Write to {MAIL} within 5 days, or later to {MAIL} again."
    assert SHOW(quote, "5 days") == "... within 5 days, or later to ..."


def test_a_value_that_is_sensitive_itself_is_left_to_the_guard() -> None:
    quote = f"Write to {MAIL} within 5 days."
    assert SHOW(quote, MAIL) == quote


def test_a_long_sentence_is_cut_around_the_value() -> None:
    shown = SHOW("word " * 300 + "within 5 days " + "word " * 300, "within 5 days")
    assert "within 5 days" in shown
    assert len(shown) <= QUOTE_CHARS + len("...  ...")


def test_a_value_in_other_words_shows_the_beginning() -> None:
    assert SHOW("It takes five days.", "5 days") == "It takes five days."


@given(st.text(), st.text())
def test_nothing_is_shown_that_does_not_stand_there(quote: str, value: str) -> None:
    shown = SHOW(quote, value).removeprefix("... ").removesuffix(" ...")
    assert len(shown) <= max(QUOTE_CHARS, len(quote))
