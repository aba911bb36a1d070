"""Where calibrations lie: the user's folder first, then those that ship with Tandem."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from tandem.errors import SettingsError
from tandem.quality.calibration.calibration import LabelCalibration, name_of
from tandem.quality.calibration.signal_calibration import SignalCalibration

SHIPPED: Final = Path(__file__).parent.parent / "calibrations"
log = logging.getLogger(__name__)


class Found(NamedTuple):
    """A calibration, or a note that says why one that is there is not used."""

    calibration: LabelCalibration | None
    note: str = ""


class _Kept(NamedTuple):
    changed: int
    found: Found


@dataclass
class Calibrations:
    """Calibrations by task and label set. Each file is read once, and again when it changes.

    Parameters
    ----------
    folders: where to look, in order.
    """

    folders: Sequence[Path]
    _kept: dict[Path, _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, task: str, labels: Sequence[str]) -> Found:
        """The calibration of `task` for these labels, in any order."""
        name = f"{name_of(task, labels)}.json"
        for folder in self.folders:
            path = folder / name
            try:
                changed = path.stat().st_mtime_ns
            except OSError:
                continue
            return self._read(path, changed)
        return Found(None)

    def find_signals(self, task: str) -> SignalCalibration | None:
        """The calibration of a task without labels; one that cannot be read is only logged."""
        for folder in self.folders:
            path = folder / f"{task}.json"
            try:
                return SignalCalibration.from_json(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                log.warning("the calibration %s is not used: %s", path, error)
                return None
        return None

    def save(self, calibration: LabelCalibration | SignalCalibration) -> Path:
        """Write `calibration` into the first folder, in place of an earlier one.

        Raises
        ------
        SettingsError: it cannot be written.
        """
        folder = self.folders[0]
        name = calibration.task
        if isinstance(calibration, LabelCalibration):
            name = name_of(calibration.task, calibration.labels)
        path = folder / f"{name}.json"
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

    def _read(self, path: Path, changed: int) -> Found:
        with self._lock:
            kept = self._kept.get(path)
            if kept is None or kept.changed != changed:
                kept = self._kept[path] = _Kept(changed, _read(path))
            return kept.found


def _read(path: Path) -> Found:
    try:
        return Found(LabelCalibration.from_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        log.warning("the calibration %s is not used: %s", path, error)
        return Found(None, f"the calibration {path.name} is not used: {error}")
