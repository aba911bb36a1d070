"""What was read of a log and what was not, without a word of its text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import TypedDict

PLACES: Final = 5
"""So many lines are named for each reason."""


class Skipped(TypedDict):
    """Rows that could not be read, and the first lines where they stood."""

    reason: str
    count: int
    lines: list[int]


class LogRead(TypedDict):
    """One log. JSON-plain."""

    name: str
    format: str
    rows: int
    skipped: list[Skipped]
    other_records: int
    """Records that are no model calls (chains, tools, spans)."""


@dataclass
class Counts:
    """Counts of one log in the making."""

    name: str
    format: str = ""
    rows: int = 0
    other_records: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def skip(self, place: int, reason: str) -> None:
        """Count a row that cannot be read; `reason` holds no text of the log."""
        self.skipped[reason] += 1
        named = self.lines.setdefault(reason, [])
        if len(named) < PLACES:
            named.append(place)

    def told(self) -> LogRead:
        """As a part of the report."""
        return {
            "name": self.name,
            "format": self.format,
            "rows": self.rows,
            "skipped": [
                {"reason": reason, "count": count, "lines": self.lines[reason]}
                for reason, count in self.skipped.most_common()
            ],
            "other_records": self.other_records,
        }
