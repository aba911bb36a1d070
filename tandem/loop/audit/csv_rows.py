"""CSV a record at a time, in which one damaged record costs no other."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tandem.loop.audit.counts import Counts
from tandem.loop.audit.opening import Record, beginning, lines

MOST_LINES: Final = 10_000
"""A record of more physical lines is taken for one whose quotation mark nothing closes."""
_LEARNED: Final = 200
"""Rows from which it is learned what rows look like."""
_KNOWN: Final = 5
"""After so many it is relied upon."""
_MOST_CHARS: Final = 40
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_PART: Final = "is no row: a line of a damaged one"
_UNCLOSED: Final = "has a quotation mark that nothing closes"
_DAMAGED: Final = "no CSV row"


def csv_records(path: Path, most: int, counts: Counts) -> Iterator[Record]:
    """The rows of a CSV file as objects by the names of its first line.

    Of a record that is none (another number of fields, a quotation mark that nothing closes) its
    first line alone is counted and left out; the lines after it are read anew, each for itself,
    and are rows where they look like those before. A record that is well-formed is kept whatever
    its texts hold: a prompt may quote a table, or rows of a log.

    Parameters
    ----------
    most: characters of a record, at most.
    """
    # A limit of the whole process: it is raised, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), most))
    reader = _Reader(lines(path, most, counts), delimiter(path), most)
    header: list[str] | None = None
    look = _Look()
    for record in reader:
        if record.cells is None:
            counts.skip(record.place, record.why)
        elif header is None:
            header = [name.strip() for name in record.cells]
            look.fields = len(header)
        elif not record.cells:
            continue
        elif why := _why_none(record, look):
            reader.back_to_second_line()
            counts.skip(record.place, why)
        else:
            look.learn(record.cells)
            yield Record(record.place, dict(zip(header, record.cells, strict=True)))


def _why_none(record: _Cells, look: _Look) -> str:
    """Why a record is no row; empty: it is one."""
    cells = record.cells or []
    if len(cells) != look.fields:
        return f"has not the {look.fields} fields of the first line"
    if record.again and not look.fits(cells):
        return _PART
    return ""


def delimiter(path: Path) -> str:
    """What stands between the fields of a CSV file, by its first line."""
    first = beginning(path).split(b"\n", 1)[0].decode("utf-8", "replace")
    return max(",;\t", key=first.count)


@dataclass(frozen=True)
class _Cells:
    """A record's cells, and its first line; None: it is no record, for the reason `why`.
    `again`: it begins on a line that an earlier record took for its own."""

    place: int
    cells: list[str] | None
    why: str = ""
    again: bool = False


@dataclass
class _Look:
    """What rows look like: how many fields, and which of them are always written alike, as times
    and numbers are."""

    fields: int = 0
    rows: int = 0
    alike: dict[int, str] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether there is anything to know a row by."""
        return self.rows >= _KNOWN and bool(self.alike)

    def learn(self, cells: Sequence[str]) -> None:
        """A row."""
        if self.rows >= _LEARNED:
            return
        if not self.rows:
            self.alike = {at: _pattern(cell) for at, cell in enumerate(cells) if _has_form(cell)}
        self.rows += 1
        self.alike = {at: form for at, form in self.alike.items() if _is_of(cells[at], form)}

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether `cells` look like a row; where that is not known, their number decides."""
        if len(cells) != self.fields:
            return False
        return not self.known or all(_is_of(cells[at], form) for at, form in self.alike.items())


def _has_form(cell: str) -> bool:
    """Whether it may be a time or a number, and no words."""
    short = len(cell) <= _MOST_CHARS and not cell.strip()[:1].isalpha()
    return short and any(char.isdigit() for char in cell)


def _is_of(cell: str, form: str) -> bool:
    return len(cell) <= _MOST_CHARS and _pattern(cell) == form


def _pattern(cell: str) -> str:
    """`cell` with every number as 0 and every word as a."""
    return _LETTERS.sub("a", _NUMBER.sub("0", cell.strip()))


@dataclass
class _Reader:
    """Reads records from numbered lines, and can go back to the lines of the last one."""

    source: Iterator[tuple[int, str]]
    delimiter: str
    most: int
    _ahead: deque[tuple[int, str]] = field(default_factory=deque)
    _taken: list[tuple[int, str]] = field(default_factory=list)
    _again: int = 0
    """The last line that was taken by a damaged record."""

    def __iter__(self) -> Iterator[_Cells]:
        while True:
            self._taken = []
            try:
                # Strictly, so that a quotation mark that is closed by that of a later record shows.
                cells = next(csv.reader(self._feed(), delimiter=self.delimiter, strict=True), None)
            except csv.Error:
                yield self._bad()
                continue
            if cells is None:
                return
            yield self._made(cells)

    def back_to_second_line(self) -> None:
        """Let the next record begin on the second line of the last one."""
        self._again = max(self._again, self._taken[-1][0])
        self._ahead.extendleft(reversed(self._taken[1:]))
        self._taken = self._taken[:1]

    def _feed(self) -> Iterator[str]:
        """The lines of a record, as many as it asks for, within bounds and without a gap."""
        size = 0
        while len(self._taken) < MOST_LINES and (line := self._next()) is not None:
            size += len(line[1])
            apart = bool(self._taken) and line[0] != self._taken[-1][0] + 1
            if self._taken and (size > self.most or apart):
                self._ahead.appendleft(line)
                return
            self._taken.append(line)
            yield line[1]

    def _next(self) -> tuple[int, str] | None:
        return self._ahead.popleft() if self._ahead else next(self.source, None)

    def _bad(self) -> _Cells:
        several = len(self._taken) > 1
        self.back_to_second_line()
        if several:
            return self._made(None, _UNCLOSED)
        # Careless quoting within one line does no harm to the next.
        cells = self._alone(self._taken[0][1])
        return self._made(cells or None, "" if cells else _DAMAGED)

    def _made(self, cells: list[str] | None, why: str = "") -> _Cells:
        place = self._taken[0][0]
        return _Cells(place, cells, why, place <= self._again)

    def _alone(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self.delimiter), [])
        except csv.Error:
            return []
