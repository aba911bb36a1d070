"""The records of running embedded servers: a small file a server, readable by its user alone.

A record is believed only while the very process that it names lives (its id *and* when it began,
so that a reused process id does not fool anybody). Starting and ending a server happens under the
record's lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from filelock import FileLock

from tandem.models.files import write_atomically

_CLOCK_STEP_S: Final = 1.0
"""How far two readings of one process's begin may lie apart (clock adjustments)."""


@dataclass(frozen=True)
class Record:
    """A server: who it is, where it listens, and its key."""

    pid: int
    began: float
    """When the process began, Unix time in seconds."""
    port: int
    """0 while it loads its model."""
    api_key: str
    name: str
    """The model's name, as the server gives it in its answers."""
    model_file: str
    context: int
    """Context window of one slot, in tokens."""
    slots: int
    threads: int
    adapters: tuple[tuple[str, str], ...] = ()
    """Names and files of the adapters that it holds, in the order of their ids."""
    idle_s: float = 0.0
    """Ends after so many idle seconds; 0: as its orders say. A server that another has replaced
    gets few, so that what it is at work on can end."""

    def __repr__(self) -> str:
        return f"Record(name={self.name!r}, pid={self.pid}, port={self.port})"

    @property
    def url(self) -> str:
        """The server's root."""
        return f"http://127.0.0.1:{self.port}"

    def alive(self) -> bool:
        """Whether the process that wrote this record still runs."""
        return process_of(self) is not None


def record_from(data: Any) -> Record:
    """A record out of JSON. Raises TypeError or ValueError where a field is missing or strange."""
    if not isinstance(data, dict):
        raise TypeError("a record is a JSON object")
    adapters = tuple((str(name), str(path)) for name, path in data.get("adapters", ()))
    return Record(**{**data, "adapters": adapters})


@dataclass(frozen=True)
class Registry:
    """The records in `folder` (made, closed to other users, when something is first written)."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder. Raises OSError where that cannot be."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def lock(self, key: str, timeout_s: float) -> FileLock:
        """The lock under which the server of `key` is started or ends."""
        return FileLock(self.folder / f"{key}.lock", timeout=timeout_s, mode=0o600)

    def log(self, key: str) -> Path:
        """Where the server of `key` logs its start."""
        return self.folder / f"{key}.log"

    def read(self, key: str) -> Record | None:
        """The record of `key`; None where there is none or it is damaged."""
        try:
            return record_from(json.loads(self._path(key).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, key: str, record: Record) -> None:
        """Put the record in place of whatever stands there."""
        write_atomically(self._path(key), json.dumps(asdict(record)))

    def remove(self, key: str) -> None:
        """Forget the server of `key`."""
        self._path(key).unlink(missing_ok=True)

    def live(self) -> Iterator[tuple[str, Record]]:
        """Keys and records of all servers whose process runs."""
        for path in sorted(self.folder.glob("*.json")):
            record = self.read(path.stem)
            if record is not None and record.alive():
                yield path.stem, record

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def began(pid: int) -> float:
    """When the process began, Unix time in seconds; 0.0 where there is no such process."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def process_of(record: Record) -> psutil.Process | None:
    """The record's process, if it is still that one and no zombie."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.began) < _CLOCK_STEP_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
