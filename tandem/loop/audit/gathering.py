"""A pass over all rows: exact figures by system prompt, and a sample of rows of each.

Rows are told apart by the hash of their system prompt, else by the task that they declare; what has
neither is the rest. Prompts that are rare join the rest, so that any number of prompts fits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tandem.loop.audit.figures import Figures
from tandem.loop.audit.options import Options
from tandem.loop.audit.pricing import Pricer
from tandem.loop.audit.row import LogRow
from tandem.loop.audit.sampling import Reservoir

REST: Final = "rest"
NO_TEXT: Final = "no text"


@dataclass
class Stratum:
    """Rows that belong together by what the log says.

    Parameters
    ----------
    key: `prompt:HASH`, `task:NAME`, NO_TEXT or REST.
    """

    key: str
    sample: Reservoir[LogRow]
    figures: Figures = field(default_factory=Figures)

    @property
    def prompt(self) -> str:
        """The system prompt's hash; empty: it has none."""
        kind, _, name = self.key.partition(":")
        return name if kind == "prompt" else ""

    @property
    def task(self) -> str:
        """The declared task; empty: there is none."""
        kind, _, name = self.key.partition(":")
        return name if kind == "task" else ""


@dataclass
class Gathering:
    """The strata of a log in the making."""

    options: Options
    pricer: Pricer
    strata: dict[str, Stratum] = field(default_factory=dict)
    total: Figures = field(default_factory=Figures)
    joined: int = 0
    """Rare system prompts whose rows are among the rest."""
    refused: int = 0
    """Rows whose system prompt found no place and that are among the rest."""
    _kept: int = 0
    _looked: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.options.seed)  # noqa: S311  # draws samples, keeps no secret
        self._prompt_capacity = max(self.options.prompt_sample, self.options.min_rows)

    def add_all(self, rows: Iterable[LogRow]) -> None:
        """Count every row."""
        for row in rows:
            priced = self.pricer.count(row)
            self.total.add(row, priced)
            stratum = self._stratum(_key(row))
            stratum.figures.add(row, priced)
            self._kept += stratum.sample.offer(row)
            if self._kept > self.options.most_kept:
                self._shrink()
        self._join_rare()

    def _stratum(self, key: str) -> Stratum:
        found = self.strata.get(key)
        if found is None:
            if not self._has_room(key):
                self.refused += 1
                return self._stratum(REST)
            rest = key in (REST, NO_TEXT)
            capacity = self.options.rest_sample if rest else self._prompt_capacity
            found = self.strata[key] = Stratum(key, Reservoir(capacity, self._random))
        return found

    def _has_room(self, key: str) -> bool:
        most = self.options.most_prompts
        if len(self.strata) < most or key == REST:
            return True
        if self.total.rows - self._looked >= most:  # not at each row: it looks at all prompts
            self._looked = self.total.rows
            self._join_rare()
        return len(self.strata) < most

    def _join_rare(self) -> None:
        """Prompts and declared tasks of fewer than `min_rows` rows join the rest: all of their
        rows are in their samples still, so that nothing is lost or counted twice."""
        rare = [
            key
            for key, stratum in self.strata.items()
            if key not in (REST, NO_TEXT)
            and stratum.figures.rows < self.options.min_rows
            and stratum.sample.whole
        ]
        for key in rare:
            gone = self.strata.pop(key)
            self._kept -= len(gone.sample.items)
            self.joined += 1
            for row in gone.sample.items:
                rest = self._stratum(REST)
                rest.figures.add(row, self.pricer.price(row))
                self._kept += rest.sample.offer(row)

    def _shrink(self) -> None:
        """Halve what is kept of each prompt, but never below what rare ones need."""
        least = self.options.min_rows
        self._prompt_capacity = max(self._prompt_capacity // 2, least)
        for stratum in self.strata.values():
            if stratum.key not in (REST, NO_TEXT):
                stratum.sample.shrink(self._prompt_capacity)
        self._kept = sum(len(stratum.sample.items) for stratum in self.strata.values())


def _key(row: LogRow) -> str:
    if row.prompt:
        return f"prompt:{row.prompt}"
    if row.task:
        return f"task:{row.task}"
    return REST if row.text.strip() else NO_TEXT
