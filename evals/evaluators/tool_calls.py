"""Tool calls, counted as BFCL counts them: the call's syntax tree against the accepted values.

Source: Berkeley Function Calling Leaderboard, bfcl_eval/eval_checker/ast_eval/ast_checker.py
(https://github.com/ShishirPatil/gorilla, Apache-2.0). The rules, for Python:

- as many calls as expected, in any order, each matched with another one; none where none is;
- the function's name is equal, all required parameters are there, and none that it does not have;
- each value is of the parameter's type (a whole number may stand for a float) and is one of the
  accepted ones; texts are compared without case, white space and `,./-_*^`; an optional parameter
  may be left out only where "" is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.evals.evaluators.base import Feedback, Outputs, feedback, unserved

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "float": (float, int),
    "number": (float, int),
    "boolean": (bool,),
    "array": (list,),
    "tuple": (list,),
    "dict": (dict,),
    "object": (dict,),
    "any": (str, int, float, bool, list, dict),
}
_IGNORED: Final = re.compile(r"[ \,\.\/\-\_\*\^]")


@dataclass(frozen=True)
class ToolCallsMatch:
    """1 where the calls are right; `output` is `{"calls": [{"name", "arguments"}]}`."""

    key: str = "tool_calls"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        problem = mismatch(
            outputs["output"]["calls"], reference_outputs["expected"], inputs["tools"]
        )
        return feedback(self.key, not problem, problem)


def mismatch(
    calls: Sequence[Mapping[str, Any]],
    expected: Sequence[Mapping[str, Any]] | None,
    tools: Sequence[Mapping[str, Any]],
) -> str:
    """Why `calls` are not what is expected; empty where they are."""
    expected = expected or []
    if len(calls) != len(expected):
        return f"{len(calls)} calls in place of {len(expected)}"
    by_name = {tool_name(tool["name"]): tool["parameters"] for tool in tools}
    left, problem = list(calls), ""
    for wanted in expected:
        name, accepted = next(iter(wanted.items()))
        parameters = by_name[tool_name(name)]
        problems = [_call_problem(call, tool_name(name), accepted, parameters) for call in left]
        if "" not in problems:
            return problems[0] if len(expected) == 1 else f"no call as {name} is wanted"
        left.pop(problems.index(""))
    return problem


def tool_name(name: str) -> str:
    """The name under which a function is offered: models' interfaces allow no dots."""
    return name.replace(".", "_")


def _call_problem(
    call: Mapping[str, Any],
    name: str,
    accepted: Mapping[str, list[Any]],
    parameters: Mapping[str, Any],
) -> str:
    known, arguments = parameters["properties"], call["arguments"]
    if tool_name(call["name"]) != name:
        return "another function"
    if missing := [one for one in parameters.get("required", []) if one not in arguments]:
        return f"{missing[0]} is missing"
    for key, value in arguments.items():
        if key not in known or key not in accepted:
            return f"{key} is no parameter"
        if not _fits(value, known[key], accepted[key]):
            return f"{key} has another value"
    for key, values in accepted.items():
        if key not in arguments and "" not in values:
            return f"{key} is missing"
    return ""


def _fits(value: Any, parameter: Mapping[str, Any], accepted: Sequence[Any]) -> bool:
    types = _TYPES.get(parameter["type"], _TYPES["any"])
    if isinstance(value, bool) and bool not in types:
        return False
    if not isinstance(value, types):
        # A variable's name in place of a value is accepted where the answers say so.
        return isinstance(value, str) and any(
            value == one for one in accepted if isinstance(one, str)
        )
    if isinstance(value, str):
        return any(isinstance(one, str) and plain(value) == plain(one) for one in accepted)
    if isinstance(value, dict):
        return any(isinstance(one, dict) and _dict_fits(value, one) for one in accepted)
    if isinstance(value, list):
        return any(isinstance(one, list) and _list_fits(value, one) for one in accepted)
    return any(_equal(value, one) for one in accepted)


def _list_fits(value: list[Any], accepted: list[Any]) -> bool:
    if len(value) != len(accepted):
        return False
    if any(isinstance(one, dict) for one in value):
        return all(
            isinstance(left, dict) and isinstance(right, dict) and _dict_fits(left, right)
            for left, right in zip(value, accepted, strict=True)
        )
    return all(_equal(left, right) for left, right in zip(value, accepted, strict=True))


def _dict_fits(value: Mapping[str, Any], accepted: Mapping[str, list[Any]]) -> bool:
    """An accepted object lists, for each key, its accepted values."""
    if any(key not in accepted for key in value):
        return False
    for key, values in accepted.items():
        if key not in value:
            if "" not in values:
                return False
        elif not any(_equal(value[key], one) for one in values):
            return False
    return True


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return plain(left) == plain(right)
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return _list_fits(left, right)
    return bool(left == right)


def plain(text: str) -> str:
    """A text as BFCL compares it."""
    return _IGNORED.sub("", text).lower().replace("'", '"')
