"""References of a step's arguments to earlier results: `$s1`, or a field of one, `$s1.total`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tandem.records import Step
from tandem.tools.base import ToolError

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


def resolve(step: Step, done: Iterable[Step]) -> dict[str, Any]:
    """The step's arguments with each reference replaced by the result it names.

    In an expression to calculate, a reference becomes a number; in any other text, text; an
    argument that is nothing but a reference to a number becomes that number.

    Raises
    ------
    ToolError: the step referred to has no result, one that is not known (an effect that a person
        says has happened), or not one number where one is needed.
    """
    results = {other["id"]: other["result"] for other in done if other["status"] == "done"}
    numeric = step["tool"] == CALCULATE
    return {key: _resolved(value, results, numeric) for key, value in step["arguments"].items()}


def _resolved(value: Any, results: Mapping[str, Any], numeric: bool) -> Any:
    if isinstance(value, list):
        return [_resolved(part, results, numeric) for part in value]
    if isinstance(value, dict):
        return {key: _resolved(part, results, numeric) for key, part in value.items()}
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value.strip())
    if whole and not numeric:
        target = _target(whole, results)
        number = number_of(target)
        return number if number is not None else text_of(target)
    return REFERENCE.sub(lambda match: _written(match, results, numeric), value)


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
