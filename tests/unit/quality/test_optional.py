"""Which optional fields are left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.optional import failing_optional

AMOUNT = {"type": "number"}
TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "properties": {
        "seller": TEXT,
        "phone": TEXT,
        "note": TEXT,
        "due": {"type": "string", "format": "date"},
        "city": TEXT,
        "net": AMOUNT,
        "tax": AMOUNT,
        "total": AMOUNT,
    },
    "required": ["seller"],
}
SOURCE = """Coolblue B.V., Rotterdam
iPad 399,00
Exclusief BTW 593,36
BTW 21% 124,61
Totaal 717,97
"""
RIGHT = {"seller": "Coolblue B.V.", "net": 593.36, "tax": 124.61, "total": 717.97}


@pytest.mark.parametrize(
    ("change", "dropped"),
    [
        ({}, []),
        ({"phone": "020 1234"}, ["phone"]),
        ({"due": "soon"}, ["due"]),
        ({"net": "593"}, ["net"]),
        ({"net": 717.97}, ["net"]),
        ({"tax": 717.97, "net": 717.97}, ["net", "tax"]),
        ({"tax": 11.4}, ["tax"]),
        ({"tax": 11.4, "net": 399.0}, ["net", "tax"]),
        ({"seller": "Bol"}, []),
        ({"total": 999.0}, []),
        ({"total": 593.36, "net": 717.97}, []),
        ({"total": 593.36, "tax": 11.4}, []),
    ],
)
def test_what_its_own_gates_refuse_goes(change: dict[str, Any], dropped: list[str]) -> None:
    assert sorted(failing_optional({**RIGHT, **change}, SOURCE, SCHEMA)) == dropped


def test_net_and_tax_stay_for_the_gates_where_nothing_confirms_the_total() -> None:
    assert failing_optional({"seller": "A", "tax": 9, "total": 5}, "A sells 5", SCHEMA) == []
    assert failing_optional({"seller": "A", "tax": 9}, SOURCE, SCHEMA) == []


def test_an_answer_wrong_in_many_places_is_not_mended() -> None:
    wrong = {**RIGHT, "phone": "1", "note": "x", "city": "Paris"}
    assert sorted(failing_optional(wrong, SOURCE, SCHEMA)) == ["city", "note", "phone"]
    assert failing_optional({**wrong, "due": "soon"}, SOURCE, SCHEMA) == []


def test_without_required_fields_all_of_them_may_matter() -> None:
    schema = {"properties": SCHEMA["properties"]}
    assert failing_optional({**RIGHT, "phone": "020 1234"}, SOURCE, schema) == []
    assert failing_optional([1], SOURCE, SCHEMA) == []


@given(st.dictionaries(st.sampled_from(sorted(SCHEMA["properties"])), st.text() | st.floats(0, 9)))
def test_what_is_required_or_the_total_never_goes(output: dict[str, Any]) -> None:
    dropped = failing_optional(output, SOURCE, SCHEMA)
    assert set(dropped) <= set(output) - {"seller", "total"}
