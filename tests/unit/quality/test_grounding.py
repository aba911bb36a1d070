"""The gates of extracted values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tandem.quality.grounding import empty_gate, grounded_gate, schema_gate
from tandem.quality.values import find_numbers

SOURCE = """ACME Ltd
14 Market Street,
   Old Town 10450   Riverton
Invoice no. A-17/2019      Date: 03/04/2019
Exclusief BTW € 1.593,36
BTW 21% € 334,61
Totaal € 1.927,97
"""
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}


def refused(output: Any, schema: dict[str, Any] | None = None, source: str = SOURCE) -> list[str]:
    failures = grounded_gate(output, source, schema or {})
    assert {failure["gate"] for failure in failures} <= {"grounded"}
    return [failure["detail"].split(":")[0] for failure in failures]


@pytest.mark.parametrize(
    "output",
    [
        {"seller": "Acme LTD"},
        {"address": "14 Market Street, Old Town 10450 Riverton"},
        {"address": "14 Market Street; Riverton"},
        {"number": "A-17/2019"},
        {"date": "2019-04-03"},
        {"date": "2019-03-04"},
        {"net": 1593.36, "tax": 334.61, "total": 1927.97},
        {"net": "1,593.36"},
        {"tax_rate": 21},
        {"tax_rate": 0.21},
        {"lines": [{"amount": 334.61}]},
        {"paid": True},
    ],
)
def test_what_stands_in_the_source_is_grounded(output: dict[str, Any]) -> None:
    assert refused(output) == []


@pytest.mark.parametrize(
    ("output", "fields"),
    [
        ({"seller": "Acme Inc"}, ["seller"]),
        ({"address": "14 Market Street, 10450 Newtown"}, ["address"]),
        ({"address": "Riverton, 14 Market Street"}, ["address"]),
        ({"date": "2019-04-04"}, ["date"]),
        ({"total": 1927.79}, ["total"]),
        ({"total": "192.797"}, ["total"]),
        ({"lines": [{"amount": 334.61}, {"amount": 1.0}]}, ["lines[1].amount"]),
        ({"name": "!!"}, ["name"]),
    ],
)
def test_what_does_not_stand_there_is_refused_by_its_path(
    output: dict[str, Any], fields: list[str]
) -> None:
    assert refused(output) == fields


def test_a_rate_does_not_ground_an_amount_of_tax() -> None:
    assert refused({"tax": 21}) == ["tax"]
    assert refused({"vat_rate": 21}) == []


def test_choices_and_derived_values_are_exempt() -> None:
    schema = {
        "properties": {
            "kind": {"enum": ["invoice", "letter"]},
            "summary": {"type": "string", "x-grounded": False},
            "currency": {"anyOf": [{"type": "string", "format": "currency"}, {"type": "null"}]},
        }
    }
    assert refused({"kind": "letter", "summary": "A bill."}, schema) == []
    assert refused({"currency": "EUR"}, schema) == []
    assert refused({"currency": "JPY"}, schema) == ["currency"]


def test_a_failure_never_tells_the_value() -> None:
    failures = grounded_gate({"seller": "SECRET-VALUE"}, SOURCE, {})
    failures += schema_gate({"seller": "SECRET-VALUE"}, {"properties": {"seller": NUMBER}})
    assert len(failures) == 2
    assert "SECRET" not in str(failures)


def test_the_schema_gate_names_what_is_missing() -> None:
    schema = {"type": "object", "required": ["total"], "properties": {"total": NUMBER}}
    assert schema_gate({"total": 1.5}, schema) == []
    assert schema_gate({}, schema)[0]["detail"] == "the output: required but missing: total"
    assert schema_gate({"total": "1"}, schema)[0]["detail"] == "total: not of type number"
    assert schema_gate(None, schema)[0]["gate"] == "schema"


def test_an_output_without_any_value_is_empty() -> None:
    assert empty_gate({})[0]["gate"] == "empty"
    assert empty_gate({"a": None, "b": [], "c": {"d": ""}})[0]["gate"] == "empty"
    assert empty_gate({"a": 0}) == []


NOTATIONS = ["{:,.2f}", "{:.2f}", "RM {:.2f}", "€{:,.2f}", "({:.2f})", "{:.2f}-"]


@given(
    st.integers(min_value=0, max_value=10**8),
    st.sampled_from(NOTATIONS),
    st.booleans(),
    st.sampled_from(["Total: {}", "Total\n{}\nCash", "x {} y", "{}"]),
)
def test_a_number_of_the_text_is_grounded_in_any_notation(
    cents: int, notation: str, comma: bool, frame: str
) -> None:
    value = Decimal(cents) / 100
    shown = notation.format(value)
    if comma:
        shown = shown.translate({ord(","): ".", ord("."): ","})
    assert refused({"total": float(value)}, source=frame.format(shown)) == []


@given(st.text(alphabet="0123456789., €%/-:\nabc", max_size=60), st.integers(0, 10**7))
def test_a_number_that_is_not_in_the_text_is_never_grounded(text: str, cents: int) -> None:
    value = Decimal(cents) / 100
    assume(all(value not in number.readings for number in find_numbers(text)))
    assert refused({"total": float(value)}, source=text) == ["total"]


@given(st.dates(date(1970, 1, 1), date(2069, 12, 31)), st.dates(date(1970, 1, 1)))
def test_a_date_is_grounded_where_it_stands_and_nowhere_else(day: date, other: date) -> None:
    source = f"Issued {day.strftime('%d %B %Y')} in Rome"
    assert refused({"date": day.isoformat()}, source=source) == []
    assume(other != day)
    assert refused({"date": other.isoformat()}, source=source) == ["date"]


WORDS = st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=1, max_size=5)


@given(WORDS, WORDS, WORDS, st.sampled_from([" ", "\n", "   ", " \n ", "  -  "]))
def test_a_string_of_the_text_is_grounded_whatever_the_layout(
    before: list[str], value: list[str], after: list[str], space: str
) -> None:
    source = f"{' '.join(before)} {space.join(value)} {' '.join(after)}".upper()
    assert refused({"name": " ".join(value)}, source=source) == []
