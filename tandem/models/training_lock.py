"""The lock of an adapter's folder: one process at a time trains in it, or removes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from tandem.errors import InvalidRequest
from tandem.models.promoted import unwritable


@contextmanager
def training_alone(folder: Path) -> Iterator[None]:
    """No other process trains in `folder` meanwhile. Raises InvalidRequest where one does;
    ModelFileError where that cannot be had."""
    lock = FileLock(folder / "training.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except TimeoutError:
        raise InvalidRequest(
            f"Another process is training {folder.name}; it was left alone.",
            "Wait until it is done, or give another name.",
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from None
    try:
        yield
    finally:
        lock.release()
