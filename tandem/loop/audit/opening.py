"""A log as lines or as JSON values, a bounded piece at a time; .gz is unpacked on the way."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from tandem.errors import InvalidRequest
from tandem.loop.audit.counts import Counts
from tandem.row_files import unreadable

_LOOKED_AT: Final = 65_536
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_READ: Final = 65_536
_DAMAGED: Final = 0.02


class Record(NamedTuple):
    """A JSON value and where it stands: its line, or in an array its position from 1."""

    place: int
    value: Any


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The log's bytes, unpacked.

    Raises
    ------
    InvalidRequest: there is no such file, it is empty, damaged, or no text.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            yield stream  # type: ignore[misc]  # GzipFile has all of IO that is used here
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error, "Nothing was written.") from None


def beginning(path: Path) -> bytes:
    """The first bytes of the log, without a byte-order mark. Raises as `opened`, and
    InvalidRequest where they are no UTF-8 text or there are none."""
    with opened(path) as stream:
        start = stream.read(_LOOKED_AT).removeprefix(_BOM)
    if not start.strip():
        raise InvalidRequest(
            f"The log {path.name} is empty.", "Nothing was written; name a log with rows."
        )
    if b"\0" in start or not _is_text(start):
        raise InvalidRequest(
            f"The log {path.name} is binary or not in UTF-8, and was not read.",
            "Export it as CSV, JSON or JSON Lines in UTF-8 (Parquet has to be converted first).",
        )
    return start


def _is_text(start: bytes) -> bool:
    """Whether all but a few of the characters are UTF-8; a damaged line is left out later."""
    text = start.decode("utf-8", "replace")
    return text.count("\ufffd") <= max(1, _DAMAGED * len(text))


def lines(path: Path, most: int, counts: Counts) -> Iterator[tuple[int, str]]:
    """Numbered lines, with their ends. One of more than `most` bytes, or that is no UTF-8, is
    counted and left out; no more of it than `most` is ever held."""
    with opened(path) as stream:
        for number, raw, whole in _raw_lines(stream, most):
            line = raw.removeprefix(_BOM) if number == 1 else raw
            if not whole:
                counts.skip(number, f"longer than {most:,} bytes")
                continue
            try:
                yield number, line.decode("utf-8")
            except UnicodeDecodeError:
                counts.skip(number, "not in UTF-8")


def _raw_lines(stream: IO[bytes], most: int) -> Iterator[tuple[int, bytes, bool]]:
    number = 0
    while raw := stream.readline(most + 1):
        number += 1
        whole = len(raw) <= most
        part = raw
        while not part.endswith(b"\n") and (part := stream.readline(_READ)):
            whole = False
        yield number, raw if whole else b"", whole


def json_lines(path: Path, most: int, counts: Counts) -> Iterator[Record]:
    """The values of a file with one a line; blank lines are nothing, others that are no JSON are
    counted."""
    for number, line in lines(path, most, counts):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            counts.skip(number, "no JSON")
            continue
        yield Record(number, value)


def json_array(path: Path, most: int, counts: Counts) -> Iterator[Record]:
    """The elements of the first array of a JSON file ([...], or {"runs": [...]}), one at a time.

    Where one is longer than `most` bytes or is no JSON, nobody knows where the next begins: the
    rest is left out and counted as one.
    """
    with opened(path) as stream:
        yield from _elements(stream, most, counts)


def _elements(stream: IO[bytes], most: int, counts: Counts) -> Iterator[Record]:
    import codecs

    decoder, parse = codecs.getincrementaldecoder("utf-8-sig")("replace"), json.JSONDecoder()
    buffer, at, place, inside = "", 0, 0, False
    while True:
        piece = stream.read(_READ)
        buffer, at = buffer[at:] + decoder.decode(piece, not piece), 0
        if not inside:
            at = buffer.find("[") + 1
            if not (inside := at > 0):
                at = len(buffer)
        while inside:
            at = _next(buffer, at)
            if at >= len(buffer) or buffer[at] == "]":
                break
            try:
                value, end = parse.raw_decode(buffer, at)
            except (ValueError, RecursionError):
                break  # cut by the piece's end, or no JSON: the next piece tells
            place, at = place + 1, end
            yield Record(place, value)
        if inside and at < len(buffer) and buffer[at] == "]":
            return
        if not piece or len(buffer) - at > most:
            counts.skip(place + 1, "no JSON, cut short or too long, and what comes after it")
            return


def _next(buffer: str, at: int) -> int:
    while at < len(buffer) and buffer[at] in " \t\r\n,":
        at += 1
    return at
