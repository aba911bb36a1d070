"""BFCL's rules, on the committed rows' own gold answers and on answers made wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tandem.evals.case import Case
from tandem.evals.evaluators.tool_calls import mismatch
from tandem.evals.loading import load_cases
from tandem.evals.tool_schemas import json_schema_tools

CASES = {case["id"]: case for case in load_cases("bfcl").cases}
TOOLS = [
    {
        "name": "math.area",
        "description": "",
        "parameters": {
            "type": "dict",
            "properties": {
                "base": {"type": "integer"},
                "height": {"type": "float"},
                "unit": {"type": "string"},
                "exact": {"type": "boolean"},
                "points": {"type": "array", "items": {"type": "integer"}},
                "options": {"type": "dict", "properties": {"digits": {"type": "integer"}}},
            },
            "required": ["base"],
        },
    }
]
ACCEPTED = {
    "base": [10],
    "height": [2.5, 3],
    "unit": ["square metres", ""],
    "exact": [True, ""],
    "points": [[1, 2], ""],
    "options": [{"digits": [2, 3]}, ""],
}
RIGHT: dict[str, Any] = {"base": 10, "height": 2.5}


def gold_calls(case: Case) -> list[dict[str, Any]]:
    """The first accepted value of every parameter that must be given."""
    return [
        {
            "name": name,
            "arguments": {key: _first(v[0]) for key, v in accepted.items() if v[0] != ""},
        }
        for wanted in case["expected"] or []
        for name, accepted in wanted.items()
    ]


def _first(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: accepted[0] for key, accepted in value.items() if accepted[0] != ""}
    return [_first(one) for one in value] if isinstance(value, list) else value


def problem(arguments: Mapping[str, Any], name: str = "math_area", copies: int = 1) -> str:
    calls = [{"name": name, "arguments": arguments}] * copies
    return mismatch(calls, [{"math.area": ACCEPTED}], TOOLS)


def test_every_gold_answer_passes() -> None:
    assert [
        c["id"] for c in CASES.values() if mismatch(gold_calls(c), c["expected"], c["tools"])
    ] == []


def test_gold_answers_fit_the_schemas_that_models_get() -> None:
    for case in CASES.values():
        schemas = {tool["name"]: tool["parameters"] for tool in json_schema_tools(case["tools"])}
        for call in gold_calls(case):
            schema = schemas[call["name"].replace(".", "_")]
            Draft202012Validator.check_schema(schema)
            assert Draft202012Validator(schema).is_valid(call["arguments"]), case["id"]


def test_every_gold_answer_fails_when_a_call_is_missing_doubled_or_renamed() -> None:
    for case in CASES.values():
        calls = gold_calls(case)
        if not calls:
            assert mismatch([{"name": "x", "arguments": {}}], None, case["tools"])
            continue
        assert mismatch(calls[1:], case["expected"], case["tools"])
        assert mismatch([*calls, calls[0]], case["expected"], case["tools"])
        renamed = [{**calls[0], "name": "no_such_tool"}, *calls[1:]]
        assert mismatch(renamed, case["expected"], case["tools"])


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"height": 3},
        {"unit": "Square-Metres"},
        {"exact": True},
        {"points": [1, 2]},
        {"options": {"digits": 3}},
    ],
)
def test_accepted_calls(more: dict[str, Any]) -> None:
    assert problem({**RIGHT, **more}) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"base": 11}, "base has another value"),
        ({"base": 10.0}, "base has another value"),
        ({"base": True}, "base has another value"),
        ({"base": "10"}, "base has another value"),
        ({"height": 4}, "height has another value"),
        ({"unit": "feet"}, "unit has another value"),
        ({"exact": 1}, "exact has another value"),
        ({"exact": False}, "exact has another value"),
        ({"points": [2, 1]}, "points has another value"),
        ({"points": [1]}, "points has another value"),
        ({"options": {"digits": 4}}, "options has another value"),
        ({"options": {"colour": 1}}, "options has another value"),
        ({"options": {}}, "options has another value"),
        ({"depth": 1}, "depth is no parameter"),
    ],
)
def test_refused_calls(change: dict[str, Any], told: str) -> None:
    assert problem({**RIGHT, **change}) == told


def test_missing_parameters_and_wrong_counts_are_refused() -> None:
    assert problem({"height": 2.5}) == "base is missing"
    assert problem({"base": 10}) == "height is missing"
    assert problem(RIGHT, name="other") == "another function"
    assert problem(RIGHT, copies=2) == "2 calls in place of 1"
    assert mismatch([], None, TOOLS) == ""


def test_calls_in_another_order_are_right() -> None:
    expected = [{"math.area": {"base": [1]}}, {"math.area": {"base": [2]}}]
    calls = [{"name": "math.area", "arguments": {"base": base}} for base in (2, 1)]
    assert mismatch(calls, expected, TOOLS) == ""
    assert mismatch([calls[0]] * 2, expected, TOOLS) != ""


def test_schemas_are_json() -> None:
    schema = json_schema_tools(TOOLS)[0]
    assert schema["name"] == "math_area"
    assert schema["parameters"]["type"] == "object"
    assert schema["parameters"]["properties"]["height"] == {"type": "number"}
    assert "dict" not in json.dumps(schema)
