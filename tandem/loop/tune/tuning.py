"""`tandem tune` as a function: rows in, an adapter with its card out. It changes nothing that runs:
going live is another step (tandem/loop/challenge.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tandem.errors import ModelFileError, SettingsError
from tandem.loop.seen import write_seen
from tandem.loop.tune.base_model import load_base, offline, require_extra
from tandem.loop.tune.export import to_gguf
from tandem.loop.tune.learning import OfText
from tandem.loop.tune.recipe import Recipe, TuningRow
from tandem.loop.tune.training import Progress, Trained, train
from tandem.models import files
from tandem.models.adapters import FILE, AdapterCard, Adapters, slot_of
from tandem.models.training_lock import training_alone
from tandem.services import Services


class Learnable(Protocol):
    """What an adapter learns from: a LearningSet or a FieldSet."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label set; empty where the task has none."""
        ...

    @property
    def asked(self) -> str:
        """What the adapter is for, beside its task: part of its slot."""
        ...

    @property
    def card(self) -> Mapping[str, Any]:
        """What is told of the rows."""
        ...

    @property
    def train(self) -> Sequence[OfText]:
        """Rows to train on."""
        ...

    @property
    def held_out(self) -> Sequence[OfText]:
        """Rows that no training sees."""
        ...

    def rows(self, seed: int = 0) -> list[TuningRow]:
        """What the trainer reads."""
        ...


@dataclass(frozen=True)
class Base:
    """The small model that is tuned."""

    name: str
    file: Path
    sha256: str


def base_of(services: Services, task: str) -> Base:
    """The small model that answers `task` first.

    Raises
    ------
    SettingsError: it is not embedded, so that its weights are not here.
    ModelFileError: its file is missing, or its sum was never taken.
    """
    settings = services.settings
    name = settings.chain("slm", task)[0]
    if settings.models[name].backend != "embedded":
        raise SettingsError(
            f"The small model {name!r} is hosted: its weights are not on this machine.",
            "Name an embedded model for the tier, tune it, and serve the folder peft/ there.",
        )
    path = files.locate(name, settings)
    known = files.sum_of(name, settings)
    if not known:
        raise ModelFileError(
            f"The sum of {path.name} is not known.", "Run `tandem models verify` first."
        )
    return Base(files.catalogue_name(name, settings), path, known)


@dataclass(frozen=True)
class Tuner:
    """Tunes the small model for a task.

    Parameters
    ----------
    say: gets a line before each thing that takes time. tell: the training's progress.
    """

    services: Services
    task: str
    recipe: Recipe
    say: Callable[[str], None]
    tell: Callable[[Progress], None]

    def run(self, name: str, given: Learnable) -> AdapterCard:
        """Train the adapter `name` on `given`, or go on where a training of it was broken off.

        Raises
        ------
        SettingsError: the extra is not installed, or the model is hosted.
        InvalidRequest: the name is taken, another process trains it, or the folder holds another
            training.
        ModelFileError: no room; what was trained is kept.
        """
        require_extra()
        offline()
        base = base_of(self.services, self.task)
        adapters = self.services.adapters
        folder = adapters.prepare(name)
        with training_alone(folder):
            return self._trained(name, base, given, folder)

    def _trained(self, name: str, base: Base, given: Learnable, folder: Path) -> AdapterCard:
        adapters = self.services.adapters
        adapters.prepare(name)  # another process may have finished it meanwhile
        card = self._card(name, base, given)
        adapters.write(card)
        remember(adapters, name, given)
        cache = self.services.settings.cache_dir / "bases"
        dense = load_base(base.file, base.sha256, cache, self.say)
        began = time.monotonic()
        trained = train(dense, given.rows(self.recipe.seed), self.recipe, folder, self.tell)
        to_gguf(trained.folder, dense.folder / "config.json", folder / FILE, name)
        card = replace(
            card,
            sha256=files.sha256_of(folder / FILE),
            training={**_told(trained), "wall_seconds": round(time.monotonic() - began, 1)},
        )
        adapters.write(card)
        return card

    def _card(self, name: str, base: Base, given: Learnable) -> AdapterCard:
        return AdapterCard(
            name=name,
            task=self.task,
            slot=slot_of(self.task, given.asked),
            base=base.name,
            base_sha256=base.sha256,
            sha256="",
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            labels=given.labels,
            data=given.card,
            recipe=asdict(self.recipe),
        )


def remember(adapters: Adapters, name: str, given: Learnable) -> None:
    """Keep which texts the adapter `name` learns from and is judged by; see tandem/loop/seen.py.

    Raises ModelFileError where that cannot be written.
    """
    learnt, judged = (row.text for row in given.train), (row.text for row in given.held_out)
    write_seen(adapters, name, learnt, judged)


def _told(trained: Trained) -> dict[str, Any]:
    progress = trained.progress
    return {
        "steps": progress.step,
        "of_steps": progress.steps,
        "seconds": round(progress.seconds, 1),
        "tokens": progress.tokens,
        "loss": round(progress.loss, 4),
        "left_out_too_long": trained.left_out,
        "peak_bytes": trained.peak_bytes,
    }
