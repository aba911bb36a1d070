"""LoRA adapters of the small model: a folder each, its card, and which of them are in force.

An adapter is for one slot: a task and what is asked of it (a set of labels, a schema). `promoted`
names for each slot the adapters that were in force, the last of them being so now: a rollback takes
one away. That file is the only thing that changes when an adapter goes live; whoever looks sees
the old state or the new one.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from tandem.errors import InvalidRequest, ModelFileError
from tandem.models.files import sha256_of, write_atomically
from tandem.settings import Settings

CARD: Final = "card.json"
FILE: Final = "adapter.gguf"
_PROMOTED: Final = "promoted.json"
_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9._-]{0,79}$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdapterCard:
    """What an adapter is and how it was made. JSON-plain."""

    name: str
    task: str
    slot: str
    """Task and what is asked of it; see `slot_of`."""
    base: str
    """The base model's name, for readers."""
    base_sha256: str
    """Sum of the base model's file: on another one the adapter says nothing."""
    sha256: str
    """Sum of the adapter's file; empty while it is being trained."""
    made: str
    """UTC, ISO 8601."""
    labels: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    """What it learnt from: rows, what was left out and why, the sum of the rows."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    """Steps, seconds, tokens, last loss, peak memory in bytes."""
    quality: Mapping[str, Any] = field(default_factory=dict)
    """How it did on rows that it never saw, beside what was in force."""


class Adapters:
    """The adapters in `folder` (made when the first is written). Safe for use by threads.

    What is in force is read again only when the file that says so has changed: a look costs one
    `stat`.
    """

    def __init__(self, folder: Path, enabled: bool = True) -> None:
        self.folder: Final = folder
        self._enabled = enabled
        self._known: tuple[tuple[int, int], Mapping[str, AdapterCard]] = ((0, 0), {})

    def in_force(self) -> Mapping[str, AdapterCard]:
        """The adapter of each slot. One whose file is damaged or gone is not used, and said so in
        the log: the small model then works as it is."""
        if not self._enabled:
            return {}
        try:
            status = (self.folder / _PROMOTED).stat()
        except OSError:
            return {}
        seen = (status.st_mtime_ns, status.st_ino)
        if self._known[0] != seen:
            self._known = (seen, self._usable())
        return self._known[1]

    def served_with(self, base_sha256: str) -> list[AdapterCard]:
        """The adapters in force for a base model, in the order in which its server loads them."""
        cards = {card.name: card for card in self.in_force().values()}
        return [card for _, card in sorted(cards.items()) if card.base_sha256 == base_sha256]

    def file(self, card: AdapterCard) -> Path:
        """The adapter's file for llama.cpp."""
        return self.folder / card.name / FILE

    def all(self) -> list[AdapterCard]:
        """All finished adapters, the newest first."""
        cards = [self._read(path) for path in self.folder.glob(f"*/{CARD}")]
        finished = [card for card in cards if card and card.sha256]
        return sorted(finished, key=lambda card: (card.made, card.name), reverse=True)

    def get(self, name: str) -> AdapterCard:
        """The card of a finished adapter. Raises InvalidRequest where there is none."""
        card = self._read(self.folder / name / CARD) if _NAME.match(name) else None
        if card is None or not card.sha256:
            known = ", ".join(card.name for card in self.all()[:10]) or "none"
            raise InvalidRequest(f"There is no finished adapter {name!r}.", f"There are: {known}.")
        return card

    def check(self, card: AdapterCard) -> None:
        """Raise ModelFileError where the adapter's file is gone or not as it was made."""
        path = self.file(card)
        if not path.is_file():
            raise ModelFileError(f"The adapter file {path} is gone.", "Tune the task again.")
        if sha256_of(path) != card.sha256:
            raise ModelFileError(
                f"The adapter file {path} is not the one that was made: its sum is wrong.",
                "Nothing of it is used; restore the file, or tune the task again.",
            )

    def prepare(self, name: str) -> Path:
        """The folder of a new adapter. Raises InvalidRequest on a name that cannot be one, or that
        a finished adapter has; ModelFileError where it cannot be made."""
        if not _NAME.match(name):
            raise InvalidRequest(
                f"{name!r} is no name for an adapter.",
                "Use lower-case letters, digits, dots, dashes and underscores, 80 at most.",
            )
        folder = self.folder / name
        card = self._read(folder / CARD)
        if card is not None and card.sha256:
            raise InvalidRequest(
                f"There is an adapter {name!r} already; it was left as it is.",
                "Choose another --name, or remove it with `tandem adapters remove`.",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None
        return folder

    def write(self, card: AdapterCard) -> None:
        """Put the card in its adapter's folder."""
        path = self.folder / card.name / CARD
        try:
            write_atomically(path, json.dumps(asdict(card), indent=1, ensure_ascii=False))
        except OSError as error:
            raise _unwritable(path, error) from None

    def promoted(self) -> dict[str, list[str]]:
        """Names that were in force for each slot, the last of them now."""
        try:
            slots = json.loads((self.folder / _PROMOTED).read_text(encoding="utf-8"))["slots"]
            return {str(slot): [str(name) for name in names] for slot, names in slots.items()}
        except OSError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ModelFileError(
                f"{self.folder / _PROMOTED} cannot be read: it is damaged. No adapter is used.",
                "Remove it and promote again; the adapters themselves are kept.",
            ) from None

    def promote(self, name: str) -> AdapterCard:
        """Put a finished adapter in force for its slot.

        Raises
        ------
        InvalidRequest: there is no such adapter, or it is in force.
        ModelFileError: its file is not as it was made, or the folder cannot be written.
        """
        card = self.get(name)
        self.check(card)
        with self._locked():
            slots = self.promoted()
            history = slots.get(card.slot, [])
            if history[-1:] == [name]:
                raise InvalidRequest(f"The adapter {name!r} is in force already.", "")
            self._write_promoted({**slots, card.slot: [*history, name]})
        return card

    def rollback(self, slot: str, name: str) -> str:
        """Take the adapter `name` out of force; the name of the one before it, which is in force
        now (empty: the small model as it is).

        Raises InvalidRequest where it is not in force.
        """
        with self._locked():
            slots = self.promoted()
            history = slots.get(slot, [])
            if history[-1:] != [name]:
                raise InvalidRequest(
                    f"The adapter {name!r} is not in force; nothing was changed.",
                    "See `tandem adapters list`.",
                )
            self._write_promoted({**slots, slot: history[:-1]})
        return history[-2] if len(history) > 1 else ""

    def remove(self, name: str) -> None:
        """Remove an adapter, finished or half-trained. Raises InvalidRequest while it is in
        force or could come back by a rollback."""
        folder = self.folder / name
        if not _NAME.match(name) or not folder.is_dir():
            raise InvalidRequest(f"There is no adapter {name!r}.", "See `tandem adapters list`.")
        with self._locked():
            if any(name in history for history in self.promoted().values()):
                raise InvalidRequest(
                    f"The adapter {name!r} is in force, or a rollback leads to it.",
                    "Roll it back first; nothing was removed.",
                )
            shutil.rmtree(folder)

    def _usable(self) -> dict[str, AdapterCard]:
        found: dict[str, AdapterCard] = {}
        try:
            slots = self.promoted()
        except ModelFileError as error:
            _log.warning("%s", error)
            return {}
        for slot, history in slots.items():
            if not history:
                continue
            try:
                card = self.get(history[-1])
                self.check(card)
            except (InvalidRequest, ModelFileError, OSError) as error:
                _log.warning("the adapter in force for a task is not used: %s", error)
                continue
            found[slot] = card
        return found

    def _read(self, path: Path) -> AdapterCard | None:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return AdapterCard(**{**told, "labels": tuple(told.get("labels", ()))})
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def _locked(self) -> FileLock:
        return FileLock(self.folder / f"{_PROMOTED}.lock", timeout=30, mode=0o600)

    def _write_promoted(self, slots: Mapping[str, Sequence[str]]) -> None:
        path = self.folder / _PROMOTED
        kept = {slot: list(names) for slot, names in slots.items() if names}
        try:
            write_atomically(path, json.dumps({"slots": kept}, indent=1))
        except OSError as error:
            raise _unwritable(path, error) from None


def adapters_of(settings: Settings) -> Adapters:
    """The adapters of these settings."""
    own = settings.adapters
    return Adapters(settings.path(own.dir), own.enabled)


def slot_of(task: str, asked: str) -> str:
    """What an adapter is for: a task, and a short hash of what is asked of it."""
    return f"{task}:{asked}"


def _unwritable(path: Path, error: OSError) -> ModelFileError:
    return ModelFileError(
        f"{path} cannot be written: {error.strerror}.",
        "Make room, or make it writable; what is in force is as before.",
    )
