"""An adapter as a candidate, where a head is not enough: tuned, compared, and calibrated as it
would be in force, before anything is promoted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from tandem.errors import InvalidRequest
from tandem.graphs.tasks import Tasks
from tandem.loop import challenge
from tandem.loop.challenge import services_with
from tandem.loop.improve.candidates import HeadCandidate, HeadTrial, InForce, learning_set_of
from tandem.loop.improve.dealing import Dealt
from tandem.loop.promoting import WithChallenger, retire
from tandem.loop.tune.learning import LearningSet, Privacy
from tandem.models.adapters import AdapterCard, Adapters
from tandem.nodes.labels import LabelTask
from tandem.services import Services


class Challenges(Protocol):
    """What compares an adapter and puts it in force; see tandem/loop/challenge.py."""

    def duel(self, card: AdapterCard, given: LearningSet) -> challenge.Duel:
        """Compare it with what is in force, on the held-out rows."""
        ...

    def promote(self, card: AdapterCard, duel: challenge.Duel) -> AdapterCard:
        """Put the winner in force."""
        ...


Tune = Callable[[str, str, LearningSet], AdapterCard]
"""Trains the adapter of a task and a name; goes on where a training of it was broken off."""


@dataclass(frozen=True)
class AdapterCandidate:
    """An adapter, how the model with it does against the model as it is in force, and, where it
    won, the whole of it: a calibration made with it, against all that is in force."""

    card: AdapterCard
    duel: challenge.Duel
    whole: HeadCandidate | None = None


@dataclass(frozen=True)
class AdapterTrial:
    """Tunes the small model and compares.

    Parameters
    ----------
    beside: gives the services that hold the challenger.
    """

    services: Services
    tune: Tune
    challenge: Challenges
    beside: Callable[[Services, Adapters], Services] = services_with

    def run(self, task: str, dealt: Dealt, privacy: Privacy) -> AdapterCandidate:
        """The adapter that learns from the fitting rows; one that an earlier run finished on the
        same rows is taken as it is.

        Raises
        ------
        InvalidRequest: too few rows. ModelError, ModelFileError, SettingsError: see Tuner and
            Challenge; what was trained is kept.
        """
        given = learning_set_of(dealt, privacy)
        name = f"{name_for(task)}{given.card['train_sum'][:8]}"
        try:
            card = self.services.adapters.get(name)
        except InvalidRequest:
            card = self.tune(task, name, given)
        return AdapterCandidate(card, self.challenge.duel(card, given))

    def with_calibration(
        self,
        made: AdapterCandidate,
        heads: HeadTrial,
        now: InForce,
        given: tuple[Dealt, str, float],
    ) -> AdapterCandidate:
        """`made` as it would be in force: calibrated with it in place, before it is promoted.

        `given`: rows, what they are, level; see HeadTrial.against, whose errors it raises.
        """
        services = self.beside(self.services, WithChallenger(self.services.adapters, made.card))
        task = _task(services, now.task.name)
        return replace(made, whole=replace(heads, services=services).against(now, task, *given))

    def dismiss(self, made: AdapterCandidate) -> None:
        """Let the challenger's server end: it is not going to be in force now."""
        adapters = WithChallenger(self.services.adapters, made.card)
        retire(self.services, made.card.task, adapters.served_with(made.card.base_sha256))


def half_made(services: Services, task: str) -> list[str]:
    """Adapters of earlier runs that were broken off, and that other rows than today's made."""
    adapters = services.adapters
    finished = {card.name for card in adapters.all()}
    found = adapters.folder.glob(f"{name_for(task)}*/card.json")
    return sorted(path.parent.name for path in found if path.parent.name not in finished)


def name_for(task: str) -> str:
    """How the adapters of `tandem improve` for a task begin."""
    return f"improve-{task.replace('_', '-')}-"


def _task(services: Services, name: str) -> LabelTask:
    """The label task `name` as it is with these services, its calibrations too."""
    task = Tasks(services).get(name)
    if not isinstance(task, LabelTask):
        raise InvalidRequest(f"{name!r} is no task that ends in a label.", "Such as sentiment.")
    return task
