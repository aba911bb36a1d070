"""What LangSmith acknowledged, beside the results, so that nothing is sent twice after a stop."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

UPLOADS: Final = "uploads.json"
_EMPTY: Final = {"rows": [], "figures": [], "ended": False}


class Memory:
    """What of one experiment was sent. Each change is on disk when its method returns.

    A damaged file is as none: what is then sent again has the same ids.
    """

    def __init__(self, folder: Path, experiment: str) -> None:
        self._path = folder / UPLOADS
        self._all = _read(self._path)
        own = self._all.get(experiment, _EMPTY)
        self._experiment = experiment
        self.rows: Final[set[str]] = set(own["rows"])
        """Ids of runs."""
        self.figures: Final[set[str]] = set(own["figures"])
        """Keys of the experiment's own figures."""
        self.ended: bool = own["ended"]
        """Whether LangSmith was told that the experiment is complete."""

    def add(self, rows: Iterable[str]) -> None:
        """Remember runs."""
        self.rows.update(rows)
        self._write()

    def add_figure(self, key: str) -> None:
        """Remember a figure."""
        self.figures.add(key)
        self._write()

    def end(self) -> None:
        """Remember that the experiment is complete."""
        self.ended = True
        self._write()

    def _write(self) -> None:
        self._all[self._experiment] = {
            "rows": sorted(self.rows),
            "figures": sorted(self.figures),
            "ended": self.ended,
        }
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._all, indent=1) + "\n", encoding="utf-8")
        new.replace(self._path)


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        whole = all(set(_EMPTY) <= set(one) for one in kept.values())
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    return kept if whole else {}
