"""What could answer in place of what is in force: a head retrained with the new rows, and where it
is not enough, an adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np

from tandem.errors import InvalidRequest
from tandem.loop import challenge
from tandem.loop.calibrate import Calibrator
from tandem.loop.improve.dealing import Dealt
from tandem.loop.improve.judging import Decision, Duel, Judge, decide, duel
from tandem.loop.improve.rows import Row
from tandem.loop.measuring import Progress
from tandem.loop.options import Options
from tandem.loop.tune.learning import MOST_HELD_OUT, Labelled, LearningSet, Privacy, dealt_set
from tandem.models.adapters import AdapterCard
from tandem.models.embeddings import embed_all
from tandem.nodes.calibrated import CalibratedLabels
from tandem.nodes.labels import LabelTask
from tandem.quality.calibration.calibration import LabelCalibration
from tandem.quality.calibration.head import fit_head
from tandem.quality.calibration.store import Calibrations, Found
from tandem.quality.calibration.threshold import Promise
from tandem.services import Services
from tandem.settings import NEEDS_PROMISE
from tandem.stats import Interval, wilson

LEAST_AGREEING: Final = 20
"""Fewer rows say nothing of how far a head agrees with the LLM."""
PROBES: Final = 60


@dataclass
class _Only(Calibrations):
    """The calibrations as they would be with one more."""

    made: LabelCalibration | None = None

    def find(self, task: str, labels: Any) -> Found:  # noqa: ARG002
        return Found(self.made)


@dataclass(frozen=True)
class HeadCandidate:
    """A calibration with a newly trained head, and how it does against what is in force."""

    calibration: LabelCalibration
    duel: Duel
    decision: Decision
    head: Interval
    """The head alone on judging rows: share right."""


@dataclass(frozen=True)
class HeadTrial:
    """Trains a head with the new rows, calibrates it anew, and compares.

    Parameters
    ----------
    rows: of each part, how many the small model is asked. llm_rows: judging rows that the LLM is
        asked; 0: it costs nothing.
    """

    services: Services
    progress: Progress
    rows: int = 300
    llm_rows: int = 0
    confidence: float = 0.9
    seed: int = 0

    def run(self, task: LabelTask, dealt: Dealt, data: str) -> HeadCandidate:
        """The candidate for `task`, which is as it is in force.

        Raises
        ------
        InvalidRequest: too few rows. ModelError, ModelFileError: no answer; nothing was changed.
        """
        own = calibrated(task)
        made = self.calibrate(task, dealt, data)
        named = dealt.rows.names
        judging = [
            (dealt.rows.texts[row], named[int(dealt.rows.labels[row])])
            for row in dealt.parts.test[: max(self.rows, LEAST_AGREEING)]
        ]
        challenger = replace(task, calibrated=replace(own, store=_Only((), made=made)))
        judge = Judge(self.services, self.progress)
        said = (
            judge.said("what is in force", task, named, judging),
            judge.said("the candidate", challenger, named, judging),
        )
        promises = promise(task, named), promise(challenger, named)
        found = duel((in_force_name(task, named), "the retrained head"), said, promises)
        decision = decide(found, needs_promise=own.rules.escalation in NEEDS_PROMISE)
        return HeadCandidate(made, found, decision, _head_right(made))

    def calibrate(self, task: LabelTask, dealt: Dealt, data: str) -> LabelCalibration:
        """A calibration of `dealt` with the models and adapters of now, as its file holds it.

        Raises
        ------
        InvalidRequest, ModelError, ModelFileError: as `run`.
        """
        options = Options(
            target=calibrated(task).rules.target,
            confidence=self.confidence,
            slm_rows=self.rows,
            probe_rows=min(PROBES, self.rows),
            llm_rows=self.llm_rows,
            seed=self.seed,
            data=data,
            agreement=dealt.agreement,
        )
        calibrator = Calibrator(
            self.services, replace(task, calibrated=None), options, self.progress
        )
        outcome = calibrator.run(dealt.rows, dealt.parts)
        return LabelCalibration.from_json(outcome.calibration.to_json())


def calibrated(task: LabelTask) -> CalibratedLabels:
    """What `task` needs for calibrations. Raises InvalidRequest where it takes none."""
    if task.calibrated is None:
        raise InvalidRequest(f"The task {task.name!r} takes no calibration.", "Name another.")
    return task.calibrated


def promise(task: LabelTask, labels: tuple[str, ...]) -> Promise | None:
    """What is promised of `task` for these labels, with the models of now."""
    prepared = {"text": "", "labels": list(labels), "quality": None}
    plan = calibrated(task).plan(prepared, task.prompt_sum)
    return plan.promise if plan else None


def in_force_name(task: LabelTask, labels: tuple[str, ...]) -> str:
    """What answers for these labels now, in words."""
    made = calibrated(task).store.find(task.name, labels).calibration
    if made is not None:
        return f"the calibration of {str(made.card.get('made', 'an unknown day'))[:10]}"
    return "the small model without a calibration"


def agreement_with_llm(services: Services, rows: tuple[Row, ...]) -> Interval | None:
    """How often a head agrees with the LLM's labels of rows that it did not learn from (4-fold
    cross-validation); None: too few rows or one label. It promises nothing."""
    labels = sorted({str(row.label) for row in rows})
    if len(rows) < LEAST_AGREEING or len(labels) < 2:
        return None
    texts = [row.text for row in rows]
    positions = np.array([labels.index(str(row.label)) for row in rows], dtype=np.int64)
    try:
        fitted = fit_head(texts, embed_all(services.embeddings, texts), positions, len(labels))
    except ValueError:
        return None
    return wilson(float(fitted.right.sum()), len(rows))


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
    """An adapter, and how it does against what is in force."""

    card: AdapterCard
    duel: challenge.Duel


@dataclass(frozen=True)
class AdapterTrial:
    """Tunes the small model and compares."""

    services: Services
    tune: Tune
    challenge: Challenges

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


def half_made(services: Services, task: str) -> list[str]:
    """Adapters of earlier runs that were broken off, and that other rows than today's made."""
    adapters = services.adapters
    finished = {card.name for card in adapters.all()}
    found = adapters.folder.glob(f"{name_for(task)}*/card.json")
    return sorted(path.parent.name for path in found if path.parent.name not in finished)


def name_for(task: str) -> str:
    """How the adapters of `tandem improve` for a task begin."""
    return f"improve-{task.replace('_', '-')}-"


def learning_set_of(dealt: Dealt, privacy: Privacy) -> LearningSet:
    """The fitting rows to learn from, the judging rows held out, and on the card whose labels they
    are. Raises InvalidRequest where they are too few."""
    learnt = [privacy.learnt(text) for text in dealt.rows.texts]
    kept = {row for row, text in enumerate(learnt) if text is not None}
    fit = [row for row in dealt.parts.fit.tolist() if row in kept]
    held = [row for row in dealt.parts.test.tolist() if row in kept][:MOST_HELD_OUT]

    def rows(part: list[int]) -> list[Labelled]:
        labels = dealt.rows.labels
        return [Labelled(str(learnt[at]), dealt.rows.names[int(labels[at])]) for at in part]

    return dealt_set(
        dealt.rows.names,
        rows(fit),
        rows(held),
        {
            "file": "ledger",
            "sensitive_rows": privacy.choice,
            "labelled_by": {by: dealt.count(fit, by) for by in ("people", "llm", "bought")},
            "judged_by": dealt.judged_by,
        },
    )


def _head_right(made: LabelCalibration) -> Interval:
    told = made.card.get("test", {}).get("head", {})
    rows = int(told.get("rows", 0))
    return wilson(round(float(told.get("raw_accuracy", 0.0)) * rows), rows)
