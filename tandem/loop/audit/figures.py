"""What many rows come to, in memory that does not grow with them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tandem.loop.audit.pricing import Priced
from tandem.loop.audit.row import LogRow

_STEP: Final = math.log(1.02)
_LEAST_S: Final = 1e-4
_NEARLY: Final = 0.98
"""Clocks round."""
MOST_MODELS: Final = 50


@dataclass
class Histogram:
    """Seconds on a logarithmic scale: a quantile is exact to 1 %."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float, times: int = 1) -> None:
        """Count `seconds`."""
        self.counts[round(math.log(max(seconds, _LEAST_S)) / _STEP)] += times

    def quantile(self, share: float) -> float | None:
        """The value below which `share` of all lie; None of none."""
        total = self.counts.total()
        reached = 0
        for place in sorted(self.counts):
            reached += self.counts[place]
            if reached >= share * total:
                return math.exp(place * _STEP)
        return None


@dataclass
class Arrivals:
    """How requests follow each other, as far as the log is in the order of time."""

    last: datetime | None = None
    took: float | None = None
    """Seconds of the last one."""
    gaps: int = 0
    together: int = 0
    """Requests that began in the very moment of the one before."""
    close: int = 0
    """Requests that began within twice the time that the one before took."""
    overlapping: int = 0
    """Of these, begun while the one before was still under way. Requests that come independently
    of each other overlap in at least half of the cases, at any rate; those of a program that sends
    one after the other, never."""

    def add(self, row: LogRow) -> None:
        """The next row of the log."""
        if row.when is None:
            return
        if self.last is not None and row.when >= self.last:
            gap = (row.when - self.last).total_seconds()
            self.gaps += 1
            self.together += gap == 0
            if self.took is not None:
                self.close += gap <= 2 * self.took
                self.overlapping += gap < _NEARLY * self.took
        self.last = row.when
        self.took = row.seconds


@dataclass
class Figures:
    """Sums over rows. Money is in the report's currency."""

    rows: int = 0
    errors: int = 0
    without_text: int = 0
    local: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    counted_input: int = 0
    """Rows whose input tokens are known or estimated; `counted_output` likewise."""
    counted_output: int = 0
    estimated: int = 0
    spend: float = 0.0
    priced: int = 0
    given: int = 0
    """Of the priced ones, with a cost of the log's own."""
    partly: int = 0
    """Of the priced ones, without the tokens of one side."""
    first: datetime | None = None
    until: datetime | None = None
    seconds: Histogram = field(default_factory=Histogram)
    arrivals: Arrivals = field(default_factory=Arrivals)
    models: Counter[str] = field(default_factory=Counter)
    needs: Counter[str] = field(default_factory=Counter)

    def add(self, row: LogRow, priced: Priced) -> None:
        """Count a row."""
        self.rows += 1
        self.errors += row.error
        self.without_text += not row.text.strip()
        self.local += row.local
        self._add_tokens(row)
        if priced.cost is not None:
            self.spend += priced.cost
            self.priced += 1
            self.given += priced.how == "given"
            self.partly += priced.part
        if row.seconds is not None:
            self.seconds.add(row.seconds)
        if row.when is not None:
            self.first = min(self.first or row.when, row.when)
            self.until = max(self.until or row.when, row.when)
        self.arrivals.add(row)
        model = row.model or "no model named"
        known = model in self.models or len(self.models) < MOST_MODELS
        self.models[model if known else "others"] += 1
        if row.latency:
            self.needs[row.latency] += 1

    def _add_tokens(self, row: LogRow) -> None:
        self.estimated += row.estimated
        if row.input_tokens is not None:
            self.input_tokens += row.input_tokens
            self.counted_input += 1
        if row.output_tokens is not None:
            self.output_tokens += row.output_tokens
            self.counted_output += 1


def figures_of(rows: Iterable[tuple[LogRow, Priced]]) -> Figures:
    """The figures of some rows."""
    made = Figures()
    for row, priced in rows:
        made.add(row, priced)
    return made
