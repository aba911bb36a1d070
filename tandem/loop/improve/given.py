"""The labelled rows, drawn uniformly, that certify and judge: named for a run, or kept in mind from
the last one that was given some, so that feedback can teach where a promise stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tandem.loop.improve.dealing import labelled_for
from tandem.loop.improve.rows import Slot, SlotRows
from tandem.loop.improve.state import Judging
from tandem.loop.labelled import LabelledRows


@dataclass
class Given:
    """By slot the rows, by task their file, and what a report says of them."""

    rows: dict[Slot, LabelledRows] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def take(self, path: Path, task: str, slots: Mapping[Slot, SlotRows]) -> None:
        """Read the rows of `task`. Raises InvalidRequest as `labelled_for`."""
        slot, rows = labelled_for(path, task, slots)
        self.rows[slot], self.files[task] = rows, path

    def note(self, task: str, words: str) -> None:
        """Say something of the rows of `task`."""
        self.notes.setdefault(task, []).append(words.rstrip("."))


def told_again(kept: Judging) -> str:
    """What a report says of rows that judge once more."""
    return (
        f"certified and judged by {kept.path.name}, given to an earlier run (used {kept.runs} "
        "times before); feedback only teaches. A promise is of one test: draw fresh rows now and "
        "then (--labelled)"
    )
