"""From the caller's schema to the generated form and back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tandem.errors import InvalidRequest
from tandem.nodes.extract_schema import checked, for_generation
from tandem.nodes.extract_values import typed, written
from tandem.nodes.ready_schemas import READY_SCHEMAS
from tandem.quality.grounding import branches

NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, r"not valid at \$\.type"),
        ({"properties": {"a": {"type": 3}}}, r"not valid at \$\.properties\.a\.type"),
        (
            {"properties": {"a": {"$ref": "https://x.test/s"}}},
            r"another place at \$\.properties\.a",
        ),
        ({"properties": {"a": {"$ref": "#/$defs/no"}}}, "which is not there"),
        ({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, "recursive at"),
        ({"type": "object"}, "names no fields"),
        ([1], "no JSON object"),
    ],
)
def test_an_unusable_schema_is_refused_with_its_place(schema: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        checked(schema)


def test_a_schema_that_explodes_is_refused() -> None:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for level in range(1, 25):
        inner = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"properties": {"a": inner, "b": inner}}
    with pytest.raises(InvalidRequest, match="too large"):
        checked({"$ref": "#/$defs/d24", "$defs": definitions})


def test_a_pydantic_schema_becomes_a_tight_one() -> None:
    line = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    schema = checked(
        {
            "$defs": {"Line": line},
            "type": "object",
            "properties": {
                "id": {"type": "string", "title": "Id"},
                "kind": {"enum": ["a", "b"]},
                "paid": {"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None},
                "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
                "price": {"type": ["number", "null"]},
            },
            "required": ["id", "price"],
        }
    )
    assert for_generation(schema) == {
        "type": "object",
        "properties": {
            "id": {"type": "string", "maxLength": 160},
            "kind": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]},
            "paid": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "lines": {
                "anyOf": [
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "n": {"type": "string", "minLength": 1, "maxLength": 24}
                            },
                            "required": ["n"],
                            "additionalProperties": False,
                        },
                        "maxItems": 50,
                    },
                    {"type": "null"},
                ]
            },
            "price": {
                "anyOf": [
                    {"type": "null"},
                    {"type": "string", "minLength": 1, "maxLength": 24},
                ]
            },
        },
        "required": ["id", "kind", "paid", "lines", "price"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("copied", "number"),
    [
        ("INVOICE 2026-0417", "2026-0417"),
        ("Factuurnummer: 993548900", "993548900"),
        ("Rechnung Nr. R-2021-0457", "R-2021-0457"),
        ("TAX INVOICE # : OR1803", "OR1803"),
        ("RE 2019 33", "RE 2019 33"),
        ("INVOICE", "INVOICE"),
    ],
)
def test_a_number_loses_the_words_before_it(copied: str, number: str) -> None:
    schema = READY_SCHEMAS["invoice"]
    assert typed({"invoice_number": copied}, schema, "") == {"invoice_number": number}
    assert typed({"seller": copied}, schema, "") == {"seller": copied}


@pytest.mark.parametrize("name", sorted(READY_SCHEMAS))
def test_ready_schemas_are_valid_and_bounded(name: str) -> None:
    schema = for_generation(checked(READY_SCHEMAS[name]))
    Draft202012Validator.check_schema(schema)
    for field in schema["properties"].values():
        for branch in branches(field):
            assert branch.get("type") != "string" or branch["maxLength"] <= 400


def test_a_currency_that_the_source_does_not_name_is_never_given() -> None:
    schema = READY_SCHEMAS["receipt"]
    assert typed({"currency": "JPY"}, schema, "TOTAL 5.00") == {}
    assert typed({"currency": "JPY"}, schema, "TOTAL RM 5.00") == {"currency": "MYR"}


def test_a_zero_that_the_source_does_not_hold_means_none() -> None:
    assert typed({"tax": "0.00"}, READY_SCHEMAS["invoice"], "TOTAL 5.00") == {}
    assert typed({"tax": "0.00"}, READY_SCHEMAS["invoice"], "TAX 0.00") == {"tax": 0.0}
    assert typed({"tax": "null"}, READY_SCHEMAS["invoice"], "TOTAL 5.00") == {}


def test_the_document_decides_between_readings() -> None:
    schema = {
        "properties": {
            "n": {"type": "number"},
            "k": {"type": "integer"},
            "day": {"type": "string", "format": "date"},
        }
    }
    copied = {"n": "1.234", "k": "2.000", "day": "03/04/2019"}
    european = typed(copied, schema, "45,93 and 25/03/2019")
    american = typed(copied, schema, "45.93 and 03/25/2019")
    assert european == {"n": 1234, "k": 2000, "day": "2019-04-03"}
    assert american == {"n": 1.234, "k": 2, "day": "2019-03-04"}


def test_a_date_field_without_format_loses_its_time_only() -> None:
    schema = {"properties": {"date": {"type": "string"}, "note": {"type": "string"}}}
    copied = {"date": "18-11-18 13:58", "note": "18-11-18 13:58"}
    assert typed(copied, schema, "") == {"date": "18-11-18", "note": "18-11-18 13:58"}


_FIRST_DAY, _LAST_DAY = date(1970, 1, 1).toordinal(), date(2069, 12, 31).toordinal()
"""What a year of two digits may be."""


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


@given(
    st.fixed_dictionaries(
        {
            "total": st.integers(0, 10**7).map(lambda cents: cents / 100),
            "company": st.lists(st.sampled_from("abcDEF"), min_size=1, max_size=20).map("".join),
            "date": st.integers(_FIRST_DAY, _LAST_DAY).map(_iso),
        }
    )
)
def test_an_example_written_for_the_model_reads_back(output: dict[str, Any]) -> None:
    schema = READY_SCHEMAS["receipt"]
    source = f"{output['company']} on {output['date']}: total {output['total']:.2f}"
    copied = written(output, for_generation(schema), source)
    Draft202012Validator(for_generation(schema)).validate(copied)
    assert typed(copied, schema, source) == output
