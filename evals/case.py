"""One row of an evaluation, and how rows of any JSON Lines file become such cases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NotRequired, cast

from typing_extensions import TypedDict

from tandem.errors import InvalidRequest
from tandem.evals.suite import Suite
from tandem.records import Request
from tandem.row_files import lines_of


class Case(TypedDict):
    """A request and what a right answer to it is."""

    id: str
    suite: str
    task: str
    request: Request
    files: list[str]
    """Absolute paths; read into the request's documents when the case is run."""
    expected: Any
    tags: list[str]
    tools: NotRequired[list[dict[str, Any]]]
    """For tool use: JSON-schema functions to choose from."""
    secrets: NotRequired[list[str]]
    """Texts that must not reach a model that is not private."""


class Row(NamedTuple):
    """A line of a JSON Lines file: an object, and where it stands."""

    data: Mapping[str, Any]
    file: Path
    line: int

    def bad(self, what: str) -> InvalidRequest:
        """The error that `what` is wrong with this row."""
        return InvalidRequest(f"{self.file}:{self.line}: {what}.", "Correct it; nothing was run.")


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, empty lines left out.

    Raises
    ------
    InvalidRequest: it cannot be read, a line is no JSON object, or there are no rows.
    """
    lines = {at: line for at, line in enumerate(lines_of(path), start=1) if line.strip()}
    rows = [_row(path, number, line) for number, line in lines.items()]
    if not rows:
        raise InvalidRequest(f"{path} holds no rows.", "Give one JSON object a line.")
    return rows


def _row(path: Path, number: int, line: str) -> Row:
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise Row({}, path, number).bad(f"no JSON ({error.msg})") from None
    if not isinstance(data, dict):
        raise Row({}, path, number).bad("not a JSON object")
    return Row(data, path, number)


def cases_of(suite: Suite, rows: Iterable[Row], files: Path | None = None) -> list[Case]:
    """`rows` as cases, in the order of their ids' hashes, so that the first n are a fair sample.

    `files` is the folder that the rows' file names start from.

    Raises
    ------
    InvalidRequest: a field is missing or of the wrong type, an id stands twice, or the expected
        label is none of the row's labels; the message names file and line.
    """
    rows = list(rows)
    universe = _labels(suite, rows) if suite.candidates else []
    made: dict[str, tuple[Row, Case]] = {}
    for row in rows:
        case = _case(suite, row, universe, files)
        if earlier := made.get(case["id"]):
            raise row.bad(f"the id {case['id']!r} already stands in line {earlier[0].line}")
        made[case["id"]] = (row, case)
    return sorted((case for _, case in made.values()), key=lambda case: digest(case["id"]))


def _labels(suite: Suite, rows: list[Row]) -> list[str]:
    key = suite.fields.expected
    return sorted({str(row.data.get(key)) for row in rows if isinstance(key, str)})


def digest(*parts: str) -> str:
    """A hash that is the same in every process and on every machine."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def case_sum(case: Case) -> str:
    """A short hash of the whole case."""
    return digest(json.dumps({**case, "files": len(case["files"])}, sort_keys=True))[:16]


def _case(suite: Suite, row: Row, universe: list[str], files: Path | None) -> Case:
    fields, case_id = suite.fields, _text(row, suite.fields.id)
    expected = _expected(row, fields.expected)
    request: dict[str, Any] = {**suite.request, "text": _stripped(suite, _text(row, fields.text))}
    for name, key in fields.request.items():
        if key in row.data:
            request[name] = row.data[key]
    if suite.candidates and "labels" not in request:
        request["labels"] = candidates(case_id, expected, universe, suite.candidates)
    if suite.declare_task and suite.task != "tool_use":
        request["task"] = suite.task
    _check_label(row, request, expected)
    case: Case = {
        "id": case_id,
        "suite": suite.name,
        "task": suite.task,
        "request": cast("Request", request),
        "files": [str((files or row.file.parent) / name) for name in _list(row, fields.files)],
        "expected": expected,
        "tags": [str(row.data[key]) for key in fields.tags if key in row.data],
    }
    if fields.tools:
        case["tools"] = _list(row, fields.tools)
    if fields.secrets:
        case["secrets"] = _list(row, fields.secrets)
    return case


def candidates(case_id: str, right: str, universe: list[str], count: int) -> list[str]:
    """`count` labels: the right one and others, chosen and ordered by hashes of the id."""
    others = [label for label in universe if label != right]
    chosen = sorted(others, key=lambda label: digest(case_id, label))[: count - 1]
    return sorted([right, *chosen], key=lambda label: digest(label, case_id))


def _text(row: Row, key: str) -> str:
    if key not in row.data:
        raise row.bad(f"the field {key!r} is missing; there are {', '.join(row.data)}")
    value = row.data[key]
    while isinstance(value, list) and value:  # a conversation: what was said last
        value = value[-1]
    if isinstance(value, dict):
        value = value.get("content")
    if not isinstance(value, str) or not value:
        raise row.bad(f"the field {key!r} holds no text")
    return value


def _expected(row: Row, key: str | list[str]) -> Any:
    names = [key] if isinstance(key, str) else key
    if missing := [name for name in names if name not in row.data]:
        raise row.bad(f"the field {missing[0]!r} is missing; there are {', '.join(row.data)}")
    return row.data[key] if isinstance(key, str) else {name: row.data[name] for name in key}


def _list(row: Row, key: str) -> list[Any]:
    value = row.data.get(key, [])
    if not isinstance(value, list):
        raise row.bad(f"the field {key!r} is no list")
    return value


def _stripped(suite: Suite, text: str) -> str:
    return text.removeprefix(suite.strip.prefix).removesuffix(suite.strip.suffix)


def _check_label(row: Row, request: Mapping[str, Any], expected: Any) -> None:
    labels = request.get("labels")
    if labels and expected not in labels:
        raise row.bad(f"the expected label {expected!r} is none of the {len(labels)} labels")
