"""References of a step's arguments to earlier results: `$s1`, or a field of one, `$s1.total`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema

from tandem.records import Step
from tandem.tools.base import Tool, ToolError

REFERENCE: Final = re.compile(r"\$(s\d+)((?:\.[A-Za-z_]\w*)*)")
SEARCH: Final = "search_knowledge"
CALCULATE: Final = "calculate"


def needs(arguments: Any) -> list[str]:
    """Ids of the steps that `arguments` refer to, in order of appearance."""
    return list(dict.fromkeys(match[1] for text in _strings(arguments) for match in _all(text)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, Iterable):
        for part in value:
            yield from _strings(part)


def _all(text: str) -> Iterator[re.Match[str]]:
    return REFERENCE.finditer(text)


def resolve(step: Step, done: Iterable[Step], tool: Tool | None = None) -> dict[str, Any]:
    """The step's arguments with each reference replaced by the result it names.

    In an expression to calculate, a reference becomes a number; in any other text, text. An
    argument that is nothing but a reference becomes what the schema of `tool` admits there: an
    object is text or JSON where a text is asked for, its only number where a number is.

    Raises
    ------
    ToolError: the step referred to has no result, one that is not known (an effect that a person
        says has happened), or not one number where one is needed.
    """
    results = {other["id"]: other["result"] for other in done if other["status"] == "done"}
    if step["tool"] == CALCULATE:
        return _Resolving(results, True, {}).arguments(step["arguments"])
    schema = tool.parameters if tool else {}
    return _Resolving(results, False, schema).arguments(step["arguments"])


@dataclass(frozen=True)
class _Resolving:
    """Parameters
    ----------
    numeric: every reference stands for a number inside an expression.
    schema: of the arguments.
    """

    results: Mapping[str, Any]
    numeric: bool
    schema: Mapping[str, Any]

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._value(part, _inside(self.schema, key)) for key, part in given.items()}

    def _value(self, value: Any, schema: Any) -> Any:
        if isinstance(value, list):
            return [self._value(part, _inside(schema, None)) for part in value]
        if isinstance(value, dict):
            return {key: self._value(part, _inside(schema, key)) for key, part in value.items()}
        if not isinstance(value, str):
            return value
        whole = REFERENCE.fullmatch(value.strip())
        if whole and not self.numeric:
            return self._fitting(_target(whole, self.results), schema)
        return REFERENCE.sub(lambda match: _written(match, self.results, self.numeric), value)

    def _fitting(self, target: Any, schema: Any) -> Any:
        """What `target` is where `schema` holds; its text where nothing fits, for the tool's check
        to refuse."""
        validator = jsonschema.Draft202012Validator(self.schema).evolve(schema=schema)
        readings = (reading for reading in _readings(target) if validator.is_valid(reading))
        return next(readings, text_of(target))


def _inside(schema: Any, key: str | None) -> Any:
    """The schema of a property, or, without a key, of a list's entries; of anything where it says
    nothing of it."""
    if not isinstance(schema, Mapping):
        return {}
    return schema.get("items", {}) if key is None else schema.get("properties", {}).get(key, {})


def _readings(target: Any) -> Iterator[Any]:
    """What a result may stand for, the likeliest first. That one of its fields is its only number
    does not make an object a number, unless a number is asked for."""
    number = number_of(target)
    if number is not None and (not isinstance(target, Mapping) or "value" in target):
        yield number
    if isinstance(target, bool):
        yield target
    yield text_of(target)
    yield target
    if number is not None:
        yield number


def _written(match: re.Match[str], results: Mapping[str, Any], numeric: bool) -> str:
    target = _target(match, results)
    if not numeric:
        return text_of(target)
    number = number_of(target)
    if number is None:
        raise ToolError(f"The result of {match[1]} is not one number.")
    return f"({number!r})"


def _target(match: re.Match[str], results: Mapping[str, Any]) -> Any:
    name, path = match[1], match[2]
    if name not in results:
        raise ToolError(f"It needs {name}, which has no result.")
    target = results[name]
    if target is None:
        raise ToolError(f"It needs {name}, which was done; what it gave is not known.")
    for field in filter(None, path.split(".")):
        # A model writes $s1.value or $s1.result where the result itself is meant.
        if isinstance(target, Mapping) and field in target:
            target = target[field]
        elif isinstance(target, Mapping):
            raise ToolError(f"The result of {name} has no field {field!r}.")
    return target


def number_of(result: Any) -> int | float | None:
    """The one number that a result is: itself, its `value`, or its only number; else None."""
    if isinstance(result, bool):
        return None
    if isinstance(result, (int, float)):
        return result
    if isinstance(result, str):
        return _number(result)
    if isinstance(result, Mapping):
        if "value" in result:
            return number_of(result["value"])
        if "passages" not in result:
            found = [number for part in result.values() if (number := number_of(part)) is not None]
            return found[0] if len(found) == 1 else None
    return None


def _number(text: str) -> int | float | None:
    plain = text.strip().lstrip("$€£").replace(",", "")
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", plain):
        return None
    return float(plain) if "." in plain else int(plain)


def text_of(result: Any) -> str:
    """A result as text for another tool: its text, its passages, or its JSON."""
    if isinstance(result, str):
        return result
    if isinstance(result, Mapping):
        for key in ("text", "answer", "label", "date"):
            if isinstance(result.get(key), str):
                return str(result[key])
        if "passages" in result:
            return "\n\n".join(passage["text"] for passage in result["passages"])
    return json.dumps(result, ensure_ascii=False)
