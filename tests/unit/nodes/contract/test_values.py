from __future__ import annotations

import pytest

from tandem.nodes.contract.values import DURATION, duration_of, find_values, same_value


def found(text: str) -> dict[str, str]:
    return {name: one.value for name, one in find_values(text, [(0, len(text))]).items()}


@pytest.mark.parametrize(
    ("text", "law"),
    [
        (
            "This Agreement is governed by the laws of the State of New York, without more.",
            "New York",
        ),
        (
            "It shall be construed in accordance with the laws of England and Wales.",
            "England and Wales",
        ),
        ("Governed by the laws of the Province of Ontario, Canada.", "Province of Ontario, Canada"),
        ("This Contract is governed by PRC law.", "People's Republic of China"),
    ],
)
def test_the_governing_law_is_a_place(text: str, law: str) -> None:
    assert found(text)["governing_law"] == law


@pytest.mark.parametrize(
    "text",
    ["A Party shall comply with the laws of nature.", "Governed by the law of this Agreement."],
)
def test_what_is_no_place_is_no_governing_law(text: str) -> None:
    assert "governing_law" not in found(text)


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("It renews unless notice is given at least sixty (60) days prior to the end.", "60 days"),
        ("Either party may terminate upon ninety days' written notice.", "90 days"),
        (
            "It renews for one (1) year unless notice is given six (6) months before it expires.",
            "6 months",
        ),
    ],
)
def test_the_notice_period_is_a_duration(text: str, notice: str) -> None:
    assert found(text)["notice_period"] == notice


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("It shall renew for successive one (1) year periods.", "successive 1 year"),
        ("It shall be extended for an additional two (2) years.", "2 years"),
        ("It shall then continue on a month to month basis after renewal.", "successive 1 month"),
    ],
)
def test_the_renewal_term_is_a_duration(text: str, term: str) -> None:
    assert found(text)["renewal_term"] == term


def test_dates_are_told_apart_and_normal() -> None:
    text = "This Agreement, dated as of March 3, 2020, expires on 31 December 2024."
    values = find_values(text, [(0, len(text))])
    assert values["effective_date"].value == "2020-03-03"
    assert values["expiration_date"].value == "2024-12-31"
    one = values["effective_date"]
    assert text[one.start : one.end] == "March 3, 2020"


def test_offsets_are_those_of_the_whole_text() -> None:
    text = "Nothing here. This Agreement is governed by the laws of Texas."
    one = find_values(text, [(14, len(text))])["governing_law"]
    assert text[one.start : one.end] == "Texas"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sixty days", "60 days"),
        ("Twenty-Four months", "24 months"),
        ("one hundred and twenty (120) days", "120 days"),
        ("two and a half years", "2.5 years"),
        ("one year", "1 year"),
        ("90 days", "90 days"),
    ],
)
def test_durations_in_words(written: str, meant: str) -> None:
    match = DURATION.search(f"within {written} of it")
    assert match is not None
    assert (match[0], duration_of(match)) == (written, meant)


def test_values_are_compared_by_meaning() -> None:
    assert same_value("notice_period", "6 months", "180 days / 6 months")
    assert same_value("renewal_term", "successive 12 months", "successive 1 year")
    assert same_value("governing_law", "State of New York", "New York")
    assert not same_value("notice_period", "60 days", "90 days")


@pytest.mark.parametrize(
    "odd",
    [
        f"thirty{' ' * 50_000}x",
        f"30{'-' * 50_000}x",
        f"law of A{'.' * 50_000}x",
        "law" + " " * 50_000,
    ],
)
def test_a_page_of_blanks_or_dots_is_read_over(odd: str) -> None:
    text = f"Governed by {odd}. Written notice of sixty (60)   days before renewal or termination."
    found = find_values(text, [(0, len(text))])
    assert found["notice_period"].value in ("60 days", "30 days")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("within two\nhundred days", "200 days"),
        ("two\nhundred and seventy days", "270 days"),
        ("two hundred\n  and seventy days", "270 days"),
        ("a hundred days", "100 days"),
        ("(hundred days)", "100 days"),
        ("several hundred days", None),
        ("2 hundred days", None),
        ("several hundred and seventy days", None),
        ("many thousand ten days", None),
        ("several-hundred days", None),
    ],
)
def test_a_duration_is_a_whole_number_of_the_text(text: str, value: str | None) -> None:
    match = DURATION.search(text)
    assert (match and duration_of(match)) == value
