"""What is kept of a server's words and schemas."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import McpError
from tandem.mcp.offers import listed
from tandem.mcp.schemas import cleaned
from tandem.mcp.words import one_line, without_controls
from tests import mcp_server
from tests.unit.mcp.house import ECHO, LIMITS, offer


def test_a_good_schema_keeps_what_can_be_checked() -> None:
    schema = {
        "type": "object",
        "title": "Arguments",
        "properties": {
            "day": {
                "type": "string",
                "pattern": "(a+)+$",
                "description": "The\nday.",
                "default": 1,
            },
            "zone": {"$ref": "#/$defs/zone"},
            "notes": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        },
        "required": ["day"],
        "$defs": {"zone": {"enum": ["UTC", "CET"], "title": "Zone"}},
    }
    assert cleaned(schema, 10_000) == {
        "type": "object",
        "properties": {
            "day": {"type": "string", "description": "The day."},
            "zone": {"enum": ["UTC", "CET"]},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["day"],
    }


@pytest.mark.parametrize("name", mcp_server.BAD_SCHEMAS)
def test_a_bad_schema_is_refused_without_being_quoted(name: str) -> None:
    with pytest.raises(McpError, match=r"schema|argument's name") as refused:
        cleaned(mcp_server.BAD_SCHEMAS[name], 10_000)
    assert "ignore" not in refused.value.what


def test_references_cannot_blow_a_schema_up() -> None:
    doubling: dict[str, Any] = {"d0": {"type": "string"}}
    for level in range(1, 12):
        below = {"$ref": f"#/$defs/d{level - 1}"}
        doubling[f"d{level}"] = {"type": "object", "properties": dict.fromkeys("abcd", below)}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d11"}}, "$defs": doubling}
    with pytest.raises(McpError, match="too deep, or has too many parts"):
        cleaned(schema, 100_000)


SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "$ref", "enum", "anyOf", "a"]), inner
        )
    ),
    max_leaves=12,
)


@given(properties=SCHEMAS)
def test_any_schema_is_cut_down_or_refused(properties: Any) -> None:
    try:
        clean = cleaned({"type": "object", "properties": {"a": properties}}, 10_000)
    except McpError:
        return
    jsonschema.Draft202012Validator.check_schema(clean)
    assert "$ref" not in json.dumps(clean)


def test_a_description_is_one_short_plain_line() -> None:
    told = offer({**mcp_server.ECHO, "description": mcp_server.INJECTION}).description
    assert len(told) <= LIMITS.description_chars
    assert told.isprintable()
    assert "\n" not in told


@given(st.text())
def test_no_invisible_character_is_left(text: str) -> None:
    assert one_line(text, 50).isprintable()
    assert len(one_line(text, 50)) <= 50
    kept = without_controls({"a": [text]})["a"][0]
    assert all(each.isprintable() or each in "\n\t\N{NO-BREAK SPACE}" for each in kept)


def test_arguments_that_a_server_does_not_name_are_not_sent() -> None:
    assert ECHO.parameters["additionalProperties"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Says it again!"},
        {"inputSchema": {**mcp_server.WORDS, "title": "Hidden words"}},
        {"outputSchema": mcp_server.NUMBER},
    ],
)
def test_whatever_changes_changes_the_hash(change: dict[str, Any]) -> None:
    assert offer({**mcp_server.ECHO, **change}).digest != ECHO.digest


@pytest.mark.parametrize("name", ["", "two words", "a" * 41, "ignore\nthis"])
def test_a_tool_whose_name_is_none_refuses_itself(name: str) -> None:
    one = listed({**mcp_server.ECHO, "name": name}, LIMITS)
    assert one.offer is None
    assert one.why.startswith("Its name")
    assert "\n" not in one.name
