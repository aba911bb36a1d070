"""What could answer in place of what is in force: a calibration with a head that is retrained with
the new rows; see adapter_trial.py for what it takes where a head is not enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from tandem.errors import InvalidRequest
from tandem.loop.calibrate import Calibrator
from tandem.loop.improve.dealing import Dealt
from tandem.loop.improve.judging import MARGIN, Decision, Duel, Judge, Said, decide, duel
from tandem.loop.improve.rows import Row
from tandem.loop.measuring import Progress
from tandem.loop.options import Options
from tandem.loop.tune.learning import MOST_HELD_OUT, Labelled, LearningSet, Privacy, dealt_set
from tandem.models.embeddings import embed_all
from tandem.nodes.calibrated import CalibratedLabels
from tandem.nodes.labels import LabelTask
from tandem.quality.calibration.calibration import LabelCalibration
from tandem.quality.calibration.examples import same_key
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
class InForce:
    """What answers now, and what it said of the judging rows."""

    task: LabelTask
    name: str
    judging: tuple[tuple[str, str], ...]
    """Text and right label."""
    said: Said
    promise: Promise | None
    calibration: LabelCalibration | None


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
        asked; 0: it costs nothing. margin: see `decide`.
    """

    services: Services
    progress: Progress
    rows: int = 300
    llm_rows: int = 0
    margin: float = MARGIN
    confidence: float = 0.9
    seed: int = 0

    def in_force(self, task: LabelTask, dealt: Dealt) -> InForce:
        """How `task`, as it is, does on the judging rows. Raises ModelError: no answer."""
        names = dealt.rows.names
        judging = tuple(
            (dealt.rows.texts[row], names[int(dealt.rows.labels[row])])
            for row in dealt.parts.test[: max(self.rows, LEAST_AGREEING)]
        )
        said = Judge(self.services, self.progress).said("what is in force", task, names, judging)
        made = calibrated(task).store.find(task.name, names).calibration
        return InForce(task, _name(made), judging, said, promise(task, names), made)

    def against(
        self, now: InForce, task: LabelTask, dealt: Dealt, data: str, level: float
    ) -> HeadCandidate:
        """`task` with a new calibration, against what is in force.

        Parameters
        ----------
        task: as in force, or as it would be with an adapter, of these services then.
        level: how often the comparison may err; see tandem/loop/series.py.

        Raises
        ------
        InvalidRequest: too few rows. ModelError, ModelFileError: no answer; nothing was changed.
        """
        own, names = calibrated(task), dealt.rows.names
        made = self.calibrate(task, dealt, data)
        challenger = replace(task, calibrated=replace(own, store=_Only((), made=made)))
        judge = Judge(self.services, self.progress)
        said = now.said, judge.said("the candidate", challenger, names, now.judging)
        promises = now.promise, promise(challenger, names)
        found = duel((now.name, "the retrained head"), said, promises, level)
        needs_promise = own.rules.escalation in NEEDS_PROMISE
        decision = decide(found, needs_promise=needs_promise, margin=self.margin)
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


def _name(made: LabelCalibration | None) -> str:
    """What answers by this calibration, in words."""
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


def learning_set_of(dealt: Dealt, privacy: Privacy) -> LearningSet:
    """The fitting rows to learn from, the judging rows held out, and on the card whose labels they
    are. Raises InvalidRequest where they are too few."""
    learnt = [privacy.learnt(text) for text in dealt.rows.texts]
    kept = {row for row, text in enumerate(learnt) if text is not None}
    fit = [row for row in dealt.parts.fit.tolist() if row in kept]
    held = [row for row in dealt.parts.test.tolist() if row in kept][:MOST_HELD_OUT]

    judged = {same_key(str(learnt[row])) for row in held}
    # Texts that differ in nothing but what is masked are one text then.
    fit = [row for row in fit if same_key(str(learnt[row])) not in judged]

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
