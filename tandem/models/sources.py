"""What a source of model files is, and how far a download has come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from tandem.models.catalog import ModelFile
from tandem.models.files import Progress

_PERIOD_S: Final = 0.3


class Source(Protocol):
    """Somewhere that model files come from."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def fetch(self, file: ModelFile, folder: Path) -> Path:
        """Bring the whole file into `folder`, which outlives a killed pull, and return its path.

        Whatever lies in `folder` from an earlier try is continued. The caller takes the sum.

        Raises
        ------
        ModelFileError: this source does not have it, cannot be reached, or broke off; its `what`
            completes "NAME: ...". The next source is asked.
        OSError: the folder cannot be written.
        """
        ...


@contextmanager
def watched(folder: Path, total: int, progress: Progress | None) -> Iterator[None]:
    """Tell `progress` about three times a second how many bytes lie under `folder`."""
    if progress is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_PERIOD_S):
            progress(min(_bytes_under(folder), total), total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _bytes_under(folder: Path) -> int:
    """Bytes of all files under `folder`; files may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
