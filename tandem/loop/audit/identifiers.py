"""Names of models and tasks as a report may tell them: no address or number of a person among
them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from tandem.loop.audit.row import LogRow
from tandem.privacy.checked import Scan, Unchecked, checked

_MOST: Final = 10_000
"""So many names are looked at. A field with more holds no names, and is told of no further row."""


@dataclass
class Identifiers:
    """Takes names from rows in which the detector finds something.

    Parameters
    ----------
    withheld: rows of which a name was taken.
    """

    scan: Scan
    withheld: int = 0
    _known: dict[str, bool] = field(default_factory=dict)

    def cleared(self, row: LogRow) -> LogRow:
        """`row` without names that may tell of somebody."""
        model, provider, task = map(self._shown, (row.model, row.provider, row.task))
        if (model, provider, task) == (row.model, row.provider, row.task):
            return row
        self.withheld += 1
        return replace(row, model=model, provider=provider, task=task)

    def _shown(self, name: str) -> str:
        if name and name not in self._known and len(self._known) < _MOST:
            self._known[name] = self._is_clean(name)
        return name if self._known.get(name, False) else ""

    def _is_clean(self, name: str) -> bool:
        try:
            return not checked(name, self.scan)
        except Unchecked:
            return False
