"""Labelled rows for calibration: read, checked, and dealt out to fitting, calibration and test."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import InvalidRequest
from tandem.quality.calibration.examples import same_key
from tandem.row_files import lines_of

Ints = NDArray[np.int64]
TEXT_KEYS: Final = ("text", "input")
LABEL_KEYS: Final = ("label", "expected", "output")
SHARES: Final = (0.6, 0.2)
"""Of all rows, for fitting and for calibration; the rest tests."""
FEW_ROWS: Final = 1000
FEW_SHARES: Final = (0.45, 0.45)
"""Of fewer rows: what certifies is what is short. Of 300 headlines half certified .68 of all
answers at 0.85 where a fifth certified .31; the promise broke no more often."""
TEACHING: Final = FEW_SHARES[0]
"""A text that is drawn below it is for fitting in every command and whatever the number of rows:
adapters learn from such texts, and are chosen by them, and no promise is certified on them."""


@dataclass(frozen=True)
class LabelledRows:
    """Texts with their labels.

    Parameters
    ----------
    names: the label set, in order. labels: positions in it, shape (rows,).
    lines: where the rows stand in their file, from 1.
    several_tenants: whose texts must not stand in each other's prompts.
    """

    texts: Sequence[str]
    labels: Ints
    names: tuple[str, ...]
    lines: Sequence[int] = ()
    several_tenants: bool = False

    def repeats(self) -> str:
        """Where rows repeat a text: how many texts there are, how many of them have more than one
        label, and the first two lines that give one text two. Else empty."""
        first: dict[str, int] = {}
        unlike: dict[int, int] = {}
        for row, text in enumerate(self.texts):
            seen = first.setdefault(same_key(text), row)
            if self.labels[seen] != self.labels[row]:
                unlike.setdefault(seen, row)
        count = len(first)
        if count == len(self.texts):
            return ""
        told = self._contradictions(unlike) if self.lines else ""
        return f"{len(self.texts)} rows hold {count} different text{'s'[: count > 1]}{told}"

    def _contradictions(self, unlike: Mapping[int, int]) -> str:
        """Of each text with two labels, the rows that give the first and the second of them."""
        if not unlike:
            return ""
        seen, row = min(unlike.items(), key=lambda pair: pair[1])
        lines = f"lines {self.lines[seen]}, {self.lines[row]}"
        texts = f"{len(unlike)} texts, first in " if len(unlike) > 1 else ""
        return f"; the labels contradict each other in {texts}{lines}"


class Split(NamedTuple):
    """Row numbers of the three disjoint parts, each in random order: its first n are a sample."""

    fit: Ints
    calibrate: Ints
    test: Ints


def read_labelled(path: Path, names: Sequence[str] = ()) -> LabelledRows:
    """The rows of a JSON Lines file: `text` (or `input`) and `label` (or `expected`, `output`).

    Parameters
    ----------
    names: the label set; empty: the labels that stand in the file, the most frequent first. Their
        order is that of the prompt, and small models lean to what they read first.

    Raises
    ------
    InvalidRequest: a name is given twice; it cannot be read; a line is no such row; a label is
        not of the set; all rows have one label. The message names the line, never the text.
    """
    if len(set(names)) < len(names):
        raise InvalidRequest("A label is given twice in --labels.", "Name each one once.")
    lines = {at: line for at, line in enumerate(lines_of(path), start=1) if line.strip()}
    found = [_row(path, number, line, names) for number, line in lines.items()]
    if not found:
        raise InvalidRequest(f"{path} holds no rows.", "Give one JSON object a line.")
    counted = Counter(label for _, label in found)
    known = tuple(names) or tuple(sorted(counted, key=lambda label: (-counted[label], label)))
    if len(counted) < 2:
        raise InvalidRequest(
            f"All rows of {path} have the same label.",
            "Calibration needs rows of at least two labels.",
        )
    at = {label: position for position, label in enumerate(known)}
    return LabelledRows(
        [text for text, _ in found], np.array([at[label] for _, label in found]), known, list(lines)
    )


def split(rows: LabelledRows, seed: int = 0) -> Split:
    """Deal rows out by a hash of their text and `seed`: the same rows always fall alike, and rows
    of the same text together, so that no test row was seen before."""
    at = [drawn(text, seed) for text in rows.texts]
    order = sorted(range(len(at)), key=lambda row: at[row])
    first, second = shares_of(len(rows.texts))
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for row in order:
        part = 0 if at[row] < first else 1 if at[row] < first + second else 2
        parts[part].append(row)
    return Split(*(np.array(part, dtype=np.int64) for part in parts))


def shares_of(rows: int) -> tuple[float, float]:
    """The shares for fitting and for calibration of so many rows."""
    return FEW_SHARES if rows < FEW_ROWS else SHARES


def drawn(text: str, seed: int) -> float:
    """A number from 0 to 1, by a hash of the text: the same text always falls alike."""
    told = f"{seed}\0{same_key(text)}".encode("utf-8", "replace")
    return int.from_bytes(hashlib.sha256(told).digest()[:8], "big") / 2**64


def _row(path: Path, number: int, line: str, names: Sequence[str]) -> tuple[str, str]:
    def bad(what: str) -> InvalidRequest:
        return InvalidRequest(f"{path}:{number}: {what}.", "Correct the line; nothing was run.")

    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise bad("no JSON") from None
    if not isinstance(row, dict):
        raise bad("not a JSON object")
    text, label = _first(row, TEXT_KEYS), _first(row, LABEL_KEYS)
    if isinstance(label, dict):
        label = label.get("label")
    if not isinstance(text, str) or not text.strip():
        raise bad(f"no {' or '.join(f'`{key}`' for key in TEXT_KEYS)} (a text)")
    if not isinstance(label, str) or not label.strip():
        raise bad(f"no {', '.join(f'`{key}`' for key in LABEL_KEYS)} (a label)")
    if names and label not in names:
        raise bad("the label is not one of --labels")
    return text, label


def _first(row: dict[str, Any], keys: Sequence[str]) -> Any:
    return next((row[key] for key in keys if key in row), None)
