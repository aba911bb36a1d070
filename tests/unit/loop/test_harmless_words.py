"""No word of a report is a name, sensitive, or of few texts."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tandem.loop.harmless_words import SHOWN, Words, telling, words_of
from tandem.privacy.detectors import Detector

SCAN = Detector()


def words(*texts: str) -> Words:
    return words_of(texts, SCAN)


def shown(group: Sequence[str], others: Sequence[str] = (), least: int = 2) -> list[str]:
    own = words(*group)
    return telling(own, [words(*others)], least, lambda word: float(own.counts[word]))


def test_a_text_that_repeats_counts_once() -> None:
    made = words("the parcel", "the parcel", "another parcel")
    assert (made.texts, made.counts["parcel"]) == (2, 2)
    assert shown(["late parcel"] * 9) == []


def test_names_and_what_the_detector_finds_are_barred() -> None:
    texts = [f"refund of Quince by ann{at}@example.org number {at}" for at in range(5)]
    assert not {"quince", "example"} & set(shown(texts))
    assert "refund" in shown(texts)


def test_what_is_barred_in_one_group_is_barred_in_all() -> None:
    low = [f"a quince arrived {at}" for at in range(5)]
    assert "quince" in shown(low)
    assert "quince" not in shown(low, ["we asked Quince", "so did Quince"])


def test_a_word_that_only_begins_sentences_may_be_a_name() -> None:
    assert "quince" not in shown(["Quince called. Then what", "Quince wrote. And then"])


def test_what_tells_nothing_is_not_shown() -> None:
    assert shown(["does the parcel", "does that parcel"]) == ["parcel"]


@given(st.lists(st.text(alphabet="abc \n.AB", max_size=40), max_size=12), st.integers(1, 4))
def test_no_word_of_few_texts(texts: list[str], least: int) -> None:
    own = words(*texts)
    found = telling(own, [own], least, lambda word: float(len(word)))
    assert len(found) <= SHOWN
    for word in found:
        assert sum(word in text.lower() for text in set(texts)) >= least
