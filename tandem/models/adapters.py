"""LoRA adapters of the small model: a folder each, its card, and which of them are in force.

An adapter is for one slot: a task and what is asked of it (a set of labels, a schema). `promoted`
names for each slot the adapters that were in force, the last of them being so now: a rollback takes
one away. That file is the only thing that changes when an adapter goes live; whoever looks sees
the old state or the new one.
"""

from __future__ import annotations

import json
import logging
import math
import re
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from tandem.errors import InvalidRequest, ModelFileError
from tandem.models.files import Stamp, sha256_of, stamp, write_atomically
from tandem.models.promoted import PromotedFile, unwritable
from tandem.models.training_lock import training_alone
from tandem.settings import Settings

CARD: Final = "card.json"
FILE: Final = "adapter.gguf"
LOOK_AGAIN_S: Final = 60.0
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
    duels: tuple[Mapping[str, Any], ...] = ()
    """Each comparison with what was in force, lost ones too; see tandem/loop/duels.py."""


class _Known(NamedTuple):
    """What was in force at the last look, and the files that it was read from as they were."""

    promoted: Stamp
    files: Mapping[Path, Stamp]
    cards: Mapping[str, AdapterCard]
    until: float = math.inf
    """When to look again all the same (monotonic seconds): something could not be used, and a
    passing fault or a changed permission leaves no trace in the files."""


class Adapters:
    """The adapters in `folder` (made when the first is written). Safe for use by threads.

    What is in force is read, and summed, again only when a file of it has changed: a look costs a
    `stat` for the file that says so and two for each adapter.
    """

    def __init__(self, folder: Path, enabled: bool = True) -> None:
        self.folder: Final = folder
        self._enabled = enabled
        self._promoted = PromotedFile(folder)
        self._known = _Known(None, {}, {})

    def in_force(self) -> Mapping[str, AdapterCard]:
        """The adapter of each slot. One whose file is changed or gone is not used, and said so in
        the log: the small model then works as it is."""
        if not self._enabled:
            return {}
        known, promoted = self._known, stamp(self._promoted.path)
        same = known.promoted == promoted and time.monotonic() < known.until
        if not same or any(stamp(path) != old for path, old in known.files.items()):
            self._known = known = self._look(promoted)
        return known.cards

    def served_with(self, base_sha256: str) -> list[AdapterCard]:
        """The adapters in force for a base model, in the order in which its server loads them."""
        cards = {card.name: card for card in self.in_force().values()}
        return [card for _, card in sorted(cards.items()) if card.base_sha256 == base_sha256]

    def file(self, card: AdapterCard) -> Path:
        """The adapter's file for llama.cpp."""
        return self.file_of(card.name)

    def file_of(self, name: str) -> Path:
        """The file of the adapter `name`, whether there is one or not."""
        return self.folder / name / FILE

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
        try:
            found = sha256_of(path)
        except OSError as error:
            raise ModelFileError(
                f"The adapter file {path} cannot be read: {error.strerror}.",
                "Make it readable; nothing of it is used.",
            ) from None
        if found != card.sha256:
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
            raise unwritable(folder, error) from None
        return folder

    def write(self, card: AdapterCard) -> None:
        """Put the card in its adapter's folder."""
        path = self.folder / card.name / CARD
        try:
            write_atomically(path, json.dumps(asdict(card), indent=1, ensure_ascii=False))
        except OSError as error:
            raise unwritable(path, error) from None

    def promoted(self) -> dict[str, list[str]]:
        """Names that were in force for each slot, the last of them now. Raises ModelFileError where
        they cannot be read."""
        return self._promoted.read()

    def promote(
        self, name: str, instead_of: str | None = None, quality: Mapping[str, Any] | None = None
    ) -> AdapterCard:
        """Put a finished adapter in force for its slot.

        Parameters
        ----------
        instead_of: the adapter that must be in force until now, empty for none: what this one was
            compared with. None: whatever is.
        quality: what the card tells of that comparison from now on.

        Raises
        ------
        InvalidRequest: there is no such adapter, it is in force, or `instead_of` is not.
        ModelFileError: its file is not as it was made, or the folder cannot be written.
        """
        with self._promoted.locked():
            card = self.get(name)
            self.check(card)
            slots = self.promoted()
            history = slots.get(card.slot, [])
            if history[-1:] == [name]:
                raise InvalidRequest(f"The adapter {name!r} is in force already.", "")
            if instead_of is not None and self._answering(card.slot) != instead_of:
                raise InvalidRequest(
                    "What is in force changed since the comparison.",
                    "Compare again; nothing was changed.",
                )
            told = card if quality is None else replace(card, quality=dict(quality))
            if told is not card:
                self.write(told)
            try:
                self._promoted.write({**slots, card.slot: [*history, name]})
            except ModelFileError:
                if told is not card:
                    with suppress(ModelFileError):
                        self.write(card)
                raise
        return told

    def rollback(self, name: str) -> str:
        """Take the adapter `name` out of force, also where nothing but its name is left; the name
        of the one before it, which is in force now (empty: the small model as it is).

        Raises InvalidRequest where it is not in force.
        """
        with self._promoted.locked():
            slots = self.promoted()
            slot = next((one for one, names in slots.items() if names[-1:] == [name]), None)
            if slot is None:
                raise InvalidRequest(
                    f"The adapter {name!r} is not in force; nothing was changed.",
                    "See `tandem adapters list`.",
                )
            self._promoted.write({**slots, slot: slots[slot][:-1]})
        return self._answering(slot)

    def remove(self, name: str) -> None:
        """Remove an adapter, finished or half-trained. Raises InvalidRequest while it is in force,
        could come back by a rollback, or is trained; ModelFileError where it cannot be removed."""
        folder = self.folder / name
        if not _NAME.match(name) or not folder.is_dir():
            raise InvalidRequest(f"There is no adapter {name!r}.", "See `tandem adapters list`.")
        with self._promoted.locked():
            if any(name in history for history in self.promoted().values()):
                raise InvalidRequest(
                    f"The adapter {name!r} is in force, or a rollback leads to it.",
                    "Roll it back first; nothing was removed.",
                )
            with training_alone(folder):
                try:
                    shutil.rmtree(folder)
                except OSError as error:
                    raise unwritable(folder, error) from None

    def _answering(self, slot: str) -> str:
        card = self.in_force().get(slot)
        return card.name if card else ""

    def _look(self, promoted: Stamp) -> _Known:
        files: dict[Path, Stamp] = {}
        cards: dict[str, AdapterCard] = {}
        again = time.monotonic() + LOOK_AGAIN_S
        try:
            slots = self.promoted()
        except ModelFileError as error:
            _log.warning("%s", error)
            return _Known(promoted, files, cards, again)
        until = math.inf
        for slot, history in slots.items():
            if not history:
                continue
            # Stamped before they are read: what changes in between is looked at again.
            folder = self.folder / history[-1]
            files |= {path: stamp(path) for path in (folder / CARD, folder / FILE)}
            try:
                card = self.get(history[-1])
                self.check(card)
            except (InvalidRequest, ModelFileError) as error:
                _log.warning("the adapter in force for a task is not used: %s", error)
                until = again
                continue
            cards[slot] = card
        return _Known(promoted, files, cards, until)

    def _read(self, path: Path) -> AdapterCard | None:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            lists = {name: tuple(told.get(name, ())) for name in ("labels", "duels")}
            return AdapterCard(**{**told, **lists})
        except (OSError, ValueError, TypeError, AttributeError):
            return None


def adapters_of(settings: Settings) -> Adapters:
    """The adapters of these settings."""
    own = settings.adapters
    return Adapters(settings.path(own.dir), own.enabled)


def slot_of(task: str, asked: str) -> str:
    """What an adapter is for: a task, and a short hash of what is asked of it."""
    return f"{task}:{asked}"
