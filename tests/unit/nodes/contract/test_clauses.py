from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.nodes.contract.clauses import (
    MAX_SEGMENT,
    is_contract,
    split_clauses,
    split_segments,
)
from tests.unit.nodes.contract.samples import NDA


def test_each_numbered_paragraph_is_a_clause_with_its_number() -> None:
    clauses = split_clauses(NDA)
    starts = {
        each["number"]: NDA[each["start"] : each["end"]] for each in clauses if each["number"]
    }
    assert list(starts) == ["1", "2", "2(a)", "2(b)", "3", "4", "5"]
    assert starts["2(b)"].startswith("(b) disclose")
    assert starts["2(b)"].endswith("know it.")
    assert starts["5"].endswith("end of the term."), "a wrapped line belongs to its clause"


def test_decimal_and_article_numbers_are_read() -> None:
    text = "ARTICLE IV. Term\n\n4.2 The term is one year from now.\n\nSection 7: Law of Texas.\n"
    assert [each["number"] for each in split_clauses(text)] == ["IV", "4.2", "7"]


def test_words_that_only_look_like_numbers_are_none() -> None:
    text = "A party may terminate.\n\nI agree to that.\n\nIf to Amphenol: write to them."
    assert [each["number"] for each in split_clauses(text)] == ["", "", ""]


def test_abbreviations_and_numbers_end_no_sentence() -> None:
    text = "1. Alpha Ltd. and Beta Inc. agree that Mr. Smith of No. 5 Main Street signs it."
    assert len(split_segments(text, split_clauses(text))) == 1


@given(st.text(alphabet="aA1.;:()\n -\u201d", max_size=400))
def test_pieces_lie_in_the_text_in_order_and_hold_all_of_it(text: str) -> None:
    clauses = split_clauses(text)
    segments = split_segments(text, clauses)
    for pieces in (clauses, segments):
        ends = [0]
        for piece in pieces:
            assert ends[-1] <= piece["start"] < piece["end"] <= len(text)
            assert (
                text[piece["start"] : piece["end"]].strip() == text[piece["start"] : piece["end"]]
            )
            ends.append(piece["end"])
    held = "".join("".join(text[s["start"] : s["end"]].split()) for s in segments)
    assert sum(c.isalnum() for c in held) == sum(c.isalnum() for c in text)


@settings(max_examples=20)
@given(st.integers(701, 3000), st.sampled_from(["a", "ab, ", "abc ", "a; "]))
def test_no_segment_is_longer_than_its_bound(size: int, piece: str) -> None:
    text = (piece * size)[:size]
    segments = split_segments(text, split_clauses(text))
    assert all(each["end"] - each["start"] <= MAX_SEGMENT for each in segments)


def test_a_few_words_are_no_contract() -> None:
    for text in ("", "Review my contract.", "1.\n\n2.\n\n3."):
        assert not is_contract(text, split_clauses(text))
    assert is_contract(NDA, split_clauses(NDA))


def test_a_gap_of_a_page_makes_no_segment() -> None:
    text = f"The supplier delivers the goods {' ' * 3000} to the buyer in time."
    segments = split_segments(text, split_clauses(text))
    assert [text[each["start"] : each["end"]] for each in segments] == [
        "The supplier delivers the goods",
        "to the buyer in time.",
    ]


def test_a_clause_of_very_many_lines_is_read_in_one_pass() -> None:
    text = "\n".join(["some words x"] * 60_000)
    assert len(split_segments(text, split_clauses(text))) > 1000
