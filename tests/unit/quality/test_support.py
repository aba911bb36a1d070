"""Whether passages support a text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandem.quality.support import (
    content_words,
    coverage,
    enough_support,
    known_figures,
    known_names,
    numbers,
    sentences,
    supported,
    supporting,
)
from tandem.records import GateFailure

LEAVE = "Employees with 3 to 15 years of service earn six hours of annual leave per pay period."
TRAVEL = "File the travel voucher within 5 business days. Ask travel@example.org or #travel."


def gates(failures: list[GateFailure]) -> list[str]:
    return [failure["gate"] for failure in failures]


def test_content_words_have_no_endings_and_no_stop_words() -> None:
    assert content_words("The employees are filing a voucher") == content_words(
        "employee filed Vouchers"
    )
    assert content_words("it is what it was") == set()


def test_numbers_are_brought_to_one_form() -> None:
    assert numbers("1,200.50 and 1200.5, 3.0; see [2]") == {"1200.5", "3"}
    assert numbers("1. first\n2) second") == set()


def test_number_words_are_numbers() -> None:
    assert known_figures("You earn 6 hours.", [LEAVE]) == []
    assert coverage("six", ["6"]) == 1.0


def test_coverage_leaves_out_what_was_given() -> None:
    assert coverage("annual leave of dragons", [LEAVE]) == pytest.approx(2 / 3)
    assert coverage("annual leave of dragons", [LEAVE], given="What of dragons?") == 1.0
    assert coverage("of the", []) == 1.0
    assert coverage("dragons", []) == 0.0


def test_supporting_names_the_best_source_of_each_sentence() -> None:
    text = "File the voucher within 5 business days. You earn six hours of annual leave."
    assert supporting(text, [LEAVE, TRAVEL]) == [0, 1]
    assert supporting("You earn six hours of annual leave.", [TRAVEL, LEAVE]) == [1]
    assert supporting("Dragons sleep in caves.", [LEAVE, TRAVEL]) == []
    assert supporting("anything", []) == []


def test_a_supported_text_passes() -> None:
    assert supported("You earn six hours of annual leave per pay period.", [LEAVE]) == []


def test_what_no_source_holds_fails() -> None:
    assert gates(supported("Dragons sleep in caves.", [LEAVE])) == ["support"]
    assert gates(supported("You earn 8 hours of annual leave.", [LEAVE])) == ["numbers"]
    assert gates(supported("Anything.", [])) == ["citation"]
    assert gates(known_figures("Ask leave@example.org.", [TRAVEL])) == ["addresses"]
    assert known_figures("Ask travel@example.org.", [TRAVEL]) == []


def test_figures_inside_an_address_are_the_sources_where_it_holds_the_address() -> None:
    channel = "Ask in #team-2021 or at https://example.org/2024/leave."
    assert known_figures(channel, [channel]) == []
    assert gates(known_figures(channel, ["Ask in #team or at the desk."])) == [
        "numbers",
        "addresses",
    ]


def test_names_must_be_known() -> None:
    assert known_names("Ask your Employees with Service.", [LEAVE]) == []
    assert gates(known_names("This holds in Germany as well.", [LEAVE])) == ["names"]
    assert known_names("Germany stands first.", [LEAVE]) == []


def test_sentences_have_no_list_marks() -> None:
    assert [part.strip() for part in sentences("1. One.\n- Two! Three? ...")] == [
        "One.",
        "Two!",
        "Three?",
    ]


@example("#000", "")
@given(st.text(), st.text())
def test_coverage_is_a_share_and_a_text_covers_itself(text: str, other: str) -> None:
    assert coverage(text, [text]) == 1.0
    assert 0.0 <= coverage(text, [other]) <= 1.0
    assert enough_support(text, [other, text], least=1.0) == []
    assert known_figures(text, [other, text]) == []


@given(st.lists(st.text(), max_size=4), st.text())
def test_supporting_gives_rising_positions(sources: list[str], text: str) -> None:
    found = supporting(text, sources)
    assert found == sorted(set(found))
    assert all(0 <= at < len(sources) for at in found)


@pytest.mark.parametrize("odd", ["a" * 200_000, "." * 200_000, "\n" * 100_000])
def test_runs_of_one_character_are_read_in_one_pass(odd: str) -> None:
    assert content_words(f"{odd}\nx.y+z@mail.example {odd} lockers") >= {"locker"}
