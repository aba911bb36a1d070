"""Up to where rows were used, by which file they were judged, how often rows have judged, what the
LLM was paid to label, and that no two runs overlap.

Nothing here holds a text. Files are replaced as a whole, or grow by whole lines.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from filelock import FileLock, Timeout

from tandem.errors import TandemError
from tandem.loop.improve.rows import Slot
from tandem.loop.series import Series
from tandem.models.files import write_atomically
from tandem.nodes.tuned import asked_labels
from tandem.settings import Settings

FOLDER: Final = ".tandem/improve"
_STATE: Final = "state.json"
_LABELS: Final = "labels.jsonl"


class Busy(TandemError):
    """Another `tandem improve` is at work."""

    code = "improve_busy"


class Judging(NamedTuple):
    """A file of labelled rows, drawn uniformly, and how many runs with `--apply` it has judged."""

    path: Path
    runs: int


@dataclass(frozen=True)
class _Kept:
    """What the file holds; see the methods of State."""

    used: Mapping[str, float] = field(default_factory=dict)
    judging: Mapping[str, Judging] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The folder of `tandem improve`."""

    folder: Path

    @classmethod
    def of(cls, settings: Settings) -> State:
        """That of these settings."""
        return cls(settings.path(FOLDER))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock; it goes with the process, however that ends.

        Raises
        ------
        Busy: another run has it. TandemError: the folder cannot be written.
        """
        lock = FileLock(self.folder / "improve.lock", timeout=0, mode=0o600)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise Busy(
                "Another `tandem improve` is at work; this one did nothing.",
                "Wait for it: its report tells what it did.",
            ) from None
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        try:
            yield
        finally:
            lock.release()

    def used(self) -> dict[str, float]:
        """By task, the moment (Unix seconds) of the newest row that a finished run has used."""
        return dict(self._read().used)

    def judging(self) -> dict[str, Judging]:
        """By task, the labelled rows that runs with `--apply` were given to judge by."""
        return dict(self._read().judging)

    def compare(self, slot: Slot, compared: str, texts: Sequence[str]) -> Series:
        """The slot's series with one more comparison, of what has the sum `compared`, on `texts`.
        It is kept before anything is compared, also by a run that only looks: whoever looks every
        night and applies on the day that suits has tried as often. Raises TandemError where it
        cannot be."""
        kept, name = self._read(), ":".join((slot[0], asked_labels(slot[1])))
        series = kept.series.get(name, Series()).then(compared, texts)
        self._write(replace(kept, series={**kept.series, name: series}))
        return series

    def use(self, moments: Mapping[str, float], judged_by: Mapping[str, Path]) -> None:
        """Note that rows up to `moments` were used, and by task which file of labelled rows judged.
        Raises TandemError where that fails."""
        kept = self._read()
        judging = dict(kept.judging)
        for task, path in judged_by.items():
            before = judging.get(task)
            runs = before.runs if before and before.path == path.resolve() else 0
            judging[task] = Judging(path.resolve(), runs + 1)
        self._write(replace(kept, used={**kept.used, **moments}, judging=judging))

    def _write(self, kept: _Kept) -> None:
        told = {
            "used": dict(kept.used),
            "judging": {
                task: {"file": str(one.path), "runs": one.runs}
                for task, one in kept.judging.items()
            },
            "series": {name: one.told() for name, one in kept.series.items()},
        }
        self._replace(_STATE, json.dumps(told, indent=1))

    def _read(self) -> _Kept:
        path = self.folder / _STATE
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return _Kept(
                {str(task): float(moment) for task, moment in told["used"].items()},
                {
                    str(task): Judging(Path(one["file"]), int(one["runs"]))
                    for task, one in told.get("judging", {}).items()
                },
                {str(name): Series.of(one) for name, one in told.get("series", {}).items()},
            )
        except FileNotFoundError:
            return _Kept()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise TandemError(
                f"{path} cannot be read: it is damaged. Nothing was changed.",
                "Remove it: the next run then looks at all rows of the ledger again.",
            ) from None

    def labels(self, llm: str, until: float | None = None) -> dict[str, str]:
        """By run, the labels that the LLM of identity `llm` was asked for by earlier runs, or by
        those of up to the moment `until` (Unix seconds)."""
        told = self._bought(llm)
        return {run: label for run, label, at in told if until is None or at <= until}

    def newest_label(self, llm: str) -> float:
        """When the newest label of the LLM was bought (Unix seconds); 0: none was."""
        return max((at for _, _, at in self._bought(llm)), default=0.0)

    def _bought(self, llm: str) -> list[tuple[str, str, float]]:
        try:
            lines = (self.folder / _LABELS).read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found: list[tuple[str, str, float]] = []
        for line in lines:
            try:
                told = json.loads(line)
                if told["llm"] == llm:
                    at = float(told.get("at", 0.0))
                    found.append((str(told["run"]), str(told["label"]), at))
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a run that was killed
        return found

    def add_label(self, run_id: str, label: str, llm: str) -> None:
        """Keep a label that was paid for. Raises TandemError where it cannot be written."""
        told = {"run": run_id, "label": label, "llm": llm, "at": time.time()}
        line = json.dumps(told, ensure_ascii=False)
        path = self.folder / _LABELS
        try:
            path.touch(mode=0o600)
            with path.open("a", encoding="utf-8") as stream:
                # A line of its own, whatever a killed run left behind.
                stream.write(f"\n{line}\n")
        except OSError as error:
            raise _unwritable(path, error) from None

    def _replace(self, name: str, text: str) -> None:
        try:
            write_atomically(self.folder / name, text)
        except OSError as error:
            raise _unwritable(self.folder / name, error) from None


def _unwritable(path: Path, error: OSError) -> TandemError:
    return TandemError(
        f"{path} cannot be written: {error.strerror or error}. The rows count as not used.",
        "Make room, or make it writable, and start again: the same rows are taken.",
    )
