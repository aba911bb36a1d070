"""Numbers, dates and strings as documents write them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.dates import find_dates, is_day_first, is_only_date, month_number, parse_date
from tandem.quality.values import (
    compact,
    currency_code,
    decimal_mark,
    find_numbers,
    named_currency,
    names_currency,
    number_readings,
    parse_number,
)

AMOUNTS = st.integers(min_value=0, max_value=10**9).map(lambda cents: Decimal(cents) / 100)


def grouped(value: Decimal, group: str, mark: str) -> str:
    return f"{value:,.2f}".replace(",", "\0").replace(".", mark).replace("\0", group)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,56 €", "1234.56"),
        ("1'234.50 CHF", "1234.50"),
        ("RM 30.90", "30.90"),
        ("$4.11", "4.11"),
        ("Rs 1939", "1939"),
        ("€ -9,32", "-9.32"),
        ("(12.50)", "-12.50"),
        ("12.50-", "-12.50"),
        ("21%", "21"),
        (".50", "0.50"),
        ("3.5 million", "3500000"),
        ("1.234.567", "1234567"),
    ],
)
def test_a_number_is_read_in_any_notation(text: str, value: str) -> None:
    assert parse_number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "abc", "1 x 3.11", "25.12.2018", "between 3 and 5", "10:45"])
def test_what_is_not_one_number_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_the_document_s_mark_decides_groups_of_three() -> None:
    assert number_readings("1.234") == {Decimal("1.234"), Decimal(1234)}
    assert parse_number("1.234", ",") == 1234
    assert parse_number("1.234", ".") == Decimal("1.234")
    assert decimal_mark("45,93 € and 0,75 € of 1.000") == ","
    assert decimal_mark("no amounts") is None


@given(AMOUNTS, st.sampled_from([(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u202f", ",")]))
def test_every_notation_of_an_amount_gives_the_amount(
    value: Decimal, notation: tuple[str, str]
) -> None:
    assert parse_number(grouped(value, *notation)) == value


@given(st.text(max_size=80))
def test_any_text_can_be_searched(text: str) -> None:
    for number in find_numbers(text):
        assert 0 <= number.start < number.end <= len(text)
        assert number.readings
    for found in find_dates(text):
        assert found.readings
    assert compact(text).text == compact(text.upper().lower()).text or not text.isascii()


def test_a_percentage_is_marked() -> None:
    assert [number.percent for number in find_numbers("VAT 21 % 124.61")] == [True, False]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("25/12/2018 12:31:00", "2018-12-25"),
        ("18-11-18", "2018-11-18"),
        ("2018-12-25T10:00", "2018-12-25"),
        ("20181225", "2018-12-25"),
        ("12/31/2020", "2020-12-31"),
        ("August 3 , 2014", "2014-08-03"),
        ("Jan 1, 2022", "2022-01-01"),
        ("19 april 2014", "2014-04-19"),
        ("28NOV2018", "2018-11-28"),
        ("1er janvier 2022", "2022-01-01"),
        ("3. März 2020", "2020-03-03"),
        ("3 de mayo de 2020", "2020-05-03"),
        ("July 1 - July 31 , 2014", "2014-07-31"),
    ],
)
def test_a_date_is_read_in_any_form(text: str, iso: str) -> None:
    assert parse_date(text) == date.fromisoformat(iso)


@pytest.mark.parametrize("text", ["192.168.1.10", "31/02/2019", "4 weeks 20", "version 1.2.3", ""])
def test_what_is_no_date_is_not_read(text: str) -> None:
    assert find_dates(text) == []


def test_an_ambiguous_date_keeps_both_readings() -> None:
    assert find_dates("03/04/2019")[0].readings == (date(2019, 4, 3), date(2019, 3, 4))
    assert parse_date("03/04/2019", day_first=False) == date(2019, 3, 4)
    assert is_day_first("03/04/2019, paid 03/25/2019") is False
    assert is_day_first("03/04/2019, paid 25/03/2019") is True


@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2069, 12, 31)))
def test_every_form_of_a_date_holds_the_date(day: date) -> None:
    forms = ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d %B %Y", "%B %d, %Y", "%d-%b-%y")
    for form in forms:
        assert day in find_dates(f"Date: {day.strftime(form)} 10:15")[0].readings


def test_only_a_date_is_only_a_date() -> None:
    assert is_only_date("25/12/2018.")
    assert not is_only_date("25/12/2018 10:15")
    assert not is_only_date("soon")


def test_month_names_may_be_cut_but_not_ambiguous() -> None:
    assert (month_number("sept"), month_number("Févr"), month_number("août")) == (9, 2, 8)
    assert month_number("jui") is None  # juin or juillet
    assert month_number("ma") is None


def test_currencies_are_known_by_sign_and_code() -> None:
    assert [currency_code(sign) for sign in ("€", "RM", "usd", "Rs.", "$", "~")] == [
        "EUR",
        "MYR",
        "USD",
        "INR",
        "USD",
        None,
    ]
    assert [named_currency(text) for text in ("RM 5.00", "5,00 €", "US$ 5", "$5 or 4 €", "5")] == [
        "MYR",
        "EUR",
        "USD",
        None,
        None,
    ]
    assert named_currency("ROOM 12, 3 ROLLS") is None
    assert names_currency("TOTAL RM30.90", "MYR")
    assert not names_currency("FARM 30.90", "MYR")
    assert not names_currency("TOTAL 30.90", "JPY")


def test_strings_are_compared_by_letters_and_digits() -> None:
    source = compact("NO 122.124\n JALAN   DEDAP 13\n81100 Johor")
    assert source.find(compact("jalan dedap 13, 81100").text) >= 0
    assert source.find(compact("dap 13").text) < 0  # not from the middle of a word
    assert source.find(compact("122124").text) < 0  # a point between digits counts
    assert compact("東京都渋谷区").find(compact("渋谷").text) >= 0
