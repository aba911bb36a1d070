"""Findings that are kept: the same as anew, of few texts, and never the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tandem.privacy.checked import checked
from tandem.privacy.detectors import Detector, scan
from tandem.privacy.kept import Kept

CARD = "card 4111 1111 1111 1111"


@given(st.text(max_size=60) | st.just(CARD))
def test_what_is_kept_is_what_would_be_found(text: str) -> None:
    detector = Detector()
    assert checked(text, detector) == checked(text, detector) == checked(text, Detector())


def test_a_second_look_does_not_scan() -> None:
    detector = Detector()
    first = checked(CARD, detector)
    assert first == detector.kept.get(CARD)
    detector.kept.put(CARD, [])
    assert checked(CARD, detector) == []
    assert checked(CARD, scan) == first, "another detector has its own"


def test_what_is_returned_can_be_changed_without_harm() -> None:
    detector = Detector()
    checked(CARD, detector).clear()
    assert checked(CARD, detector)


def test_the_oldest_goes_and_no_text_stays() -> None:
    kept: Kept[int] = Kept(most=2)
    for number, text in enumerate(("one", "two", "three")):
        assert kept.get("one") == ([0] if number else None)
        kept.put(text, [number])
    assert (kept.get("two"), kept.get("three"), kept.get("one")) == (None, [2], [0])
    assert "three" not in repr(vars(kept))


def test_a_lone_surrogate_is_a_text_too() -> None:
    assert checked("\ud800 " + CARD, Detector()) == checked("\ud800 " + CARD, Detector())
