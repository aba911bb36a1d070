"""Logs as rows: which format each is, read a row at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, get_args

from tandem.errors import InvalidRequest
from tandem.loop.audit import mapped, vendors
from tandem.loop.audit.counts import Counts
from tandem.loop.audit.csv_rows import csv_records, delimiter
from tandem.loop.audit.draft import Draft, finished
from tandem.loop.audit.numbers import Numbers
from tandem.loop.audit.opening import Record, beginning, json_array, json_lines
from tandem.loop.audit.options import Options
from tandem.loop.audit.row import LogRow, Unreadable
from tandem.loop.audit.times import Clock

Format = Literal["csv", "jsonl", "openai", "langsmith", "langfuse", "litellm"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_WRAPPED: Final = re.compile(rb'^\s*\{\s*"(?:runs|data|observations|items)"\s*:\s*\[')
_HOPELESS: Final = 100
"""A log whose first so many rows cannot be read is of another shape."""
_LOOKED_AT: Final = 200
"""Rows that tell how a log writes numbers, before it is read."""
_VENDORS: Final[Mapping[str, Callable[[Mapping[str, Any]], Draft | None]]] = {
    "openai": vendors.openai,
    "langsmith": vendors.langsmith,
    "langfuse": vendors.langfuse,
    "litellm": vendors.litellm,
}

_SIGNS: Final[tuple[tuple[Format, tuple[set[str], ...]], ...]] = (
    ("langsmith", ({"run_type"},)),
    ("litellm", ({"spend", "call_type"}, {"spend", "request_id"})),
    (
        "langfuse",
        (
            {"type", "input", "startTime"},
            {"type", "input", "start_time"},
            {"provided_model_name"},
            {"providedModelName"},
        ),
    ),
    ("openai", ({"response"}, {"choices"}, {"object"})),
)
"""Fields by which each format is known, in the order in which it is asked."""


@dataclass
class Logs:
    """The rows of several logs, and what was counted on the way.

    Parameters
    ----------
    format: of all of them; None: each is looked at.
    """

    paths: Sequence[Path]
    options: Options
    format: Format | None = None
    counts: list[Counts] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        mapped.checked_map(self.options.columns)
        self.clock.timezone = self.options.timezone

    def rows(self) -> Iterator[LogRow]:
        """Every row, one at a time.

        Raises
        ------
        InvalidRequest: a log cannot be read, is of another shape, or mixes time zones.
        """
        for path in self.paths:
            counts = Counts(path.name)
            self.counts.append(counts)
            yield from self._of(path, counts)
            if not counts.rows:
                raise _another_shape(counts)

    def _of(self, path: Path, counts: Counts) -> Iterator[LogRow]:
        start = beginning(path)
        counts.format = self.format or sniffed(start, self.options.columns)
        numbers = self._numbers(path, start, counts.format)
        for place, value in _records(path, start, counts, self.options.line_bytes):
            row = self._row(place, value, counts, numbers)
            if row is not None:
                counts.rows += 1
                yield row
            elif not counts.rows and counts.skipped.total() >= _HOPELESS:
                raise _another_shape(counts)

    def _numbers(self, path: Path, start: bytes, chosen: str) -> Numbers:
        """How the log writes numbers, by its first rows."""
        plain = chosen != "csv" or delimiter(path) == ","
        told, aside = Numbers(self.options.decimal, plain), Counts(path.name, chosen)
        for _, value in islice(_records(path, start, aside, self.options.line_bytes), _LOOKED_AT):
            with suppress(Unreadable):
                draft = _draft(value, chosen, self.options.columns)
                told.look(draft.numbers if draft else ())
        return told

    def _row(self, place: int, value: Any, counts: Counts, numbers: Numbers) -> LogRow | None:
        try:
            draft = _draft(value, counts.format, self.options.columns)
            if draft is not None:
                where = f"{counts.name}, line {place}"
                return finished(draft, self.clock, numbers, where, self.options)
            counts.other_records += 1
        except Unreadable as why:
            counts.skip(place, str(why))
        return None


def _draft(value: Any, chosen: str, columns: Mapping[str, str]) -> Draft | None:
    if not isinstance(value, Mapping):
        raise Unreadable("is no object with fields")
    if reader := _VENDORS.get(chosen):
        return reader(value)
    return mapped.draft_of(value, columns)


def sniffed(start: bytes, columns: Mapping[str, str]) -> Format:
    """The format of a log that begins with `start`; with a column map it is one's own."""
    if start.lstrip()[:1] not in (b"{", b"["):
        return "csv"
    if columns:
        return "jsonl"
    names = set(_first_record(start))
    return next((kind for kind, signs in _SIGNS if any(sign <= names for sign in signs)), "jsonl")


def _records(path: Path, start: bytes, counts: Counts, most: int) -> Iterator[Record]:
    if counts.format == "csv":
        return csv_records(path, most, counts)
    if _is_array(start):
        return json_array(path, most, counts)
    return json_lines(path, most, counts)


def _is_array(start: bytes) -> bool:
    return start.lstrip()[:1] == b"[" or _WRAPPED.match(start) is not None


def _first_record(start: bytes) -> Mapping[str, Any]:
    """The first object with its fields, as far as the beginning of the log shows them."""
    text = start.decode("utf-8", "ignore")
    at = text.find("[") + 1 if _is_array(start) else 0
    try:
        value, _ = json.JSONDecoder().raw_decode(text[at:].lstrip())
    except (ValueError, RecursionError):
        # Longer than what was looked at: the names of its fields, nested ones among them.
        return dict.fromkeys(re.findall(r'"(\w+)"\s*:', text))
    return value if isinstance(value, Mapping) else {}


def _another_shape(counts: Counts) -> InvalidRequest:
    """What is wrong with a log of which no row could be read."""
    told = counts.told()
    if told["skipped"]:
        first = told["skipped"][0]
        why = f"line {first['lines'][0]}: {first['reason']}"
    elif told["other_records"]:
        why = f"its {told['other_records']} records are no model calls"
    else:
        why = "it has no row"
    return InvalidRequest(
        f"{counts.name} cannot be read as {counts.format}: {why}. Nothing was written.",
        "Name its format with --format, or its fields with --map text=FIELD,when=FIELD,"
        "model=FIELD...; docs/audit.md shows each.",
    )
