"""The file that says which adapters were in force for each slot, the last of them now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from tandem.errors import ModelFileError
from tandem.models.files import write_atomically

NAME: Final = "promoted.json"
_LOCK_S: Final = 30


@dataclass(frozen=True)
class PromotedFile:
    """`promoted.json` in `folder`. It is replaced as a whole; `locked` surrounds a change."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / NAME

    def read(self) -> dict[str, list[str]]:
        """Names by slot; empty where there is no file.

        Raises ModelFileError where there is one that cannot be read: it must not be taken for
        "nothing is in force", and be written over.
        """
        try:
            slots = json.loads(self.path.read_text(encoding="utf-8"))["slots"]
            return {str(slot): [str(name) for name in names] for slot, names in slots.items()}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ModelFileError(
                f"{self.path} cannot be read: {error.strerror}. No adapter is used.",
                "Make it readable; what is in force is as before.",
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ModelFileError(
                f"{self.path} cannot be read: it is damaged. No adapter is used.",
                "Remove it and promote again; the adapters themselves are kept.",
            ) from None

    def write(self, slots: Mapping[str, Sequence[str]]) -> None:
        """Put `slots` in place of what stands there. Raises ModelFileError."""
        kept = {slot: list(names) for slot, names in slots.items() if names}
        try:
            write_atomically(self.path, json.dumps({"slots": kept}, indent=1))
        except OSError as error:
            raise unwritable(self.path, error) from None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes it meanwhile. Raises ModelFileError where that cannot be had."""
        lock = FileLock(self.folder / f"{NAME}.lock", timeout=_LOCK_S, mode=0o600)
        try:
            lock.acquire()
        except TimeoutError:
            raise ModelFileError(
                f"Another process has held {lock.lock_file} for over {_LOCK_S} s.",
                "Try again when it is done; nothing was changed.",
            ) from None
        except OSError as error:
            raise unwritable(self.folder, error) from None
        try:
            yield
        finally:
            lock.release()


def unwritable(path: Path, error: OSError) -> ModelFileError:
    """What is raised where something of the adapters cannot be written."""
    return ModelFileError(
        f"{path} cannot be written: {error.strerror}.",
        "Make room, or make it writable; what is in force is as before.",
    )
