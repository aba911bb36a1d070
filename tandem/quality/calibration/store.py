"""Where calibrations lie: the user's folder first, then those that ship with Tandem."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from tandem.errors import SettingsError
from tandem.quality.calibration.calibration import LabelCalibration, name_of
from tandem.quality.calibration.field_calibration import FieldCalibration
from tandem.quality.calibration.signal_calibration import SignalCalibration

SHIPPED: Final = Path(__file__).parent.parent / "calibrations"
log = logging.getLogger(__name__)


class Found(NamedTuple):
    """A calibration, or a note that says why one that is there is not used."""

    calibration: LabelCalibration | None
    note: str = ""


Made = LabelCalibration | SignalCalibration | FieldCalibration


class _Kept(NamedTuple):
    changed: int
    made: Any
    note: str


@dataclass
class Calibrations:
    """All calibrations. Each file is read once, and again when it changes, so that what is written,
    replaced or deleted is in force at once, in running processes too.

    Parameters
    ----------
    folders: where to look, in order.
    """

    folders: Sequence[Path]
    _kept: dict[Path, _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, task: str, labels: Sequence[str]) -> Found:
        """The calibration of `task` for these labels, in any order."""
        kept = self._first(f"{name_of(task, labels)}.json", LabelCalibration.from_json)
        return Found(kept.made, kept.note) if kept else Found(None)

    def find_signals(self, task: str) -> SignalCalibration | None:
        """The calibration of a task without labels; one that cannot be read is only logged."""
        kept = self._first(f"{task}.json", SignalCalibration.from_json)
        made: SignalCalibration | None = kept.made if kept else None
        return made

    def find_fields(self, task: str) -> dict[str, FieldCalibration]:
        """The calibrations of `task` by fields, by key; one that cannot be read is only logged."""
        found: dict[str, FieldCalibration] = {}
        for folder in self.folders:
            for path in sorted(folder.glob(f"{task}-fields-*.json")):
                kept = self._read(path, FieldCalibration.from_json)
                if kept is not None and kept.made is not None:
                    found.setdefault(kept.made.key, kept.made)
        return found

    def save(self, calibration: Made) -> Path:
        """Write `calibration` into the first folder, in place of an earlier one.

        Raises
        ------
        SettingsError: it cannot be written.
        """
        folder = self.folders[0]
        path = folder / f"{_file_name(calibration)}.json"
        new = path.with_suffix(".new")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            new.touch(mode=0o600)  # it holds labelled rows
            new.write_text(calibration.to_json(), encoding="utf-8")
            new.replace(path)
        except OSError as error:
            raise SettingsError(
                f"The calibration {path} cannot be written: {error.strerror}.",
                "Name another folder in [calibration] dir; the answers are kept.",
            ) from error
        return path

    def _first(self, name: str, parse: Callable[[str], Any]) -> _Kept | None:
        read = (self._read(folder / name, parse) for folder in self.folders)
        return next((kept for kept in read if kept is not None), None)

    def _read(self, path: Path, parse: Callable[[str], Any]) -> _Kept | None:
        """The file, parsed; None: there is none."""
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return None
        with self._lock:
            kept = self._kept.get(path)
            if kept is None or kept.changed != changed:
                kept = self._kept[path] = _Kept(changed, *_parsed(path, parse))
            return kept


def _parsed(path: Path, parse: Callable[[str], Any]) -> tuple[Any, str]:
    """What the file holds, or None and why it is not used."""
    try:
        return parse(path.read_text(encoding="utf-8")), ""
    except (OSError, ValueError) as error:
        log.warning("the calibration %s is not used: %s", path, error)
        return None, f"the calibration {path.name} is not used: {error}"


def _file_name(made: Made) -> str:
    if isinstance(made, LabelCalibration):
        return name_of(made.task, made.labels)
    return f"{made.task}-fields-{made.key}" if isinstance(made, FieldCalibration) else made.task
