"""From measured answers to scores and promises, and what they would do: numbers only, no model.

Everything is by row number over all labelled rows; rows that a tier was not asked have the label -1
and the score NaN. Rows that it was asked and did not answer have the label -1 and the score
REJECTED: they count, as answers that never leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.loop.figures import or_none
from tandem.loop.labelled import Split
from tandem.loop.measuring import TierAnswers
from tandem.quality.calibration import curves
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.score import FittedScore, clipped_log, fit_label_score
from tandem.quality.calibration.threshold import (
    REJECTED,
    Promise,
    Stage,
    accepted_at,
    best_score,
    certify,
    grid,
)
from tandem.stats import Interval, wilson

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Matrix = NDArray[np.float32]
LEAST_BENEFIT: Final = 50
"""Fewer LLM answers than this say nothing of where the LLM is better."""
STAGES: Final = (("head",), ("head", "slm"), ("slm",))
"""Who may answer without the LLM under one promise. With the SLM alone the head is still one of
its score's views: on film reviews, where the head is weak, it accepted .63 at 0.90, both .38."""


@dataclass(frozen=True)
class Measured:
    """What was measured of labelled rows.

    Parameters
    ----------
    labels: the right ones. split: the three disjoint parts.
    head_logs: the head's log-probabilities; of fit rows those of heads that had not seen them.
    head_scores: its P(correct). slm, llm: None where the tier was not asked.
    score_rows: fit rows on which the SLM was asked, to fit its score.
    """

    labels: Ints
    split: Split
    vectors: Matrix
    head_logs: Matrix
    head_scores: Floats
    score_rows: Ints
    slm: TierAnswers | None
    llm: TierAnswers | None

    def resplit(self, calibrate: Ints, test: Ints) -> Measured:
        """The same with other calibration and test rows, for repeated splits."""
        return replace(self, split=Split(self.split.fit, calibrate, test))


class Scored(NamedTuple):
    """The stages' answers to all rows."""

    score: FittedScore | None
    labels: dict[str, Ints]
    scores: dict[str, Floats]


@dataclass(frozen=True)
class Outlook:
    """What a promise does on test rows. Shares are of all test rows, 0 to 1."""

    promise: Promise
    head: float
    slm: float
    llm: float
    precision: Interval
    """Observed, of what was accepted without the LLM."""
    quality: float | None
    """Share right of all rows, with the LLM's answer to the rest; None: the LLM was not asked."""
    cost: float | None
    """A row, rejected calls included, as a share of all-LLM at its best prompt."""

    @property
    def kept(self) -> bool:
        """Whether the promise held on the test rows."""
        return self.precision.n == 0 or self.precision.mean >= self.promise.target


def score_answers(measured: Measured) -> Scored:
    """Each stage's label and P(correct) of every row that it was asked."""
    labels = {"head": measured.head_logs.argmax(axis=1)}
    scores = {"head": measured.head_scores}
    if measured.slm is None:
        return Scored(None, labels, scores)
    slm = measured.slm
    fit_rows = slm.answered(measured.score_rows)
    fitted = fit_label_score(_views(measured, slm, fit_rows), measured.labels[fit_rows])
    answered = slm.answered(np.arange(len(measured.labels)))
    logs = fitted.score.log_probabilities(_views(measured, slm, answered))
    labels["slm"] = np.full(len(measured.labels), -1, dtype=np.int64)
    labels["slm"][answered] = logs.argmax(axis=1)
    scores["slm"] = np.where(slm.asked, REJECTED, np.nan)
    scores["slm"][answered] = fitted.score.scores(logs)
    scores["slm"][fit_rows] = fitted.scores
    return Scored(fitted, labels, scores)


def _views(measured: Measured, slm: TierAnswers, rows: Ints) -> dict[str, Matrix]:
    return {
        "slm": clipped_log(slm.probabilities[rows]),
        "head": measured.head_logs[rows],
        "embedding": measured.vectors[rows],
    }


def stages_of(measured: Measured, scored: Scored, names: Sequence[str], rows: Ints) -> list[Stage]:
    """The stages' answers to `rows`."""
    right = measured.labels[rows]
    return [Stage(scored.scores[name][rows], scored.labels[name][rows] == right) for name in names]


def asked_rows(measured: Measured, names: Sequence[str], rows: Ints) -> Ints:
    """Those of `rows` that all stages `names` were asked, answered or not."""
    return measured.slm.among(rows) if measured.slm and "slm" in names else rows


def promise(
    measured: Measured, scored: Scored, names: tuple[str, ...], target: float, confidence: float
) -> Promise:
    """What can be promised of `names`, from the calibration rows."""
    rows = asked_rows(measured, names, measured.split.calibrate)
    return _certified(measured, scored, names, rows, target, confidence)


def promises(
    measured: Measured, scored: Scored, targets: Sequence[float], confidence: float
) -> list[Promise]:
    """For each target what each set of stages can promise; first the set that is to be used.

    That set is chosen on fit rows, as the cheapest: a choice on the calibration rows would favour
    what passed by luck, and break the promise more often than it says.
    """
    made: list[Promise] = []
    for target in targets:
        sets = [names for names in STAGES if set(names) <= set(scored.labels)]
        sets.sort(key=lambda names: _foreseen_cost(measured, scored, names, target, confidence))
        made += [promise(measured, scored, names, target, confidence) for names in sets]
    return made


def _certified(
    measured: Measured,
    scored: Scored,
    names: tuple[str, ...],
    rows: Ints,
    target: float,
    confidence: float,
) -> Promise:
    best = best_score(stages_of(measured, scored, names, fit_rows(measured, names)))
    thresholds = grid(best, len(rows), target, confidence)
    stages = stages_of(measured, scored, names, rows)
    return certify(stages, thresholds, target, confidence, names)


def fit_rows(measured: Measured, names: Sequence[str]) -> Ints:
    """The fit rows that all stages `names` were asked; what they say there was held out."""
    fitted = measured.score_rows if "slm" in names else measured.split.fit
    return asked_rows(measured, names, fitted)


def _foreseen_cost(
    measured: Measured,
    scored: Scored,
    names: tuple[str, ...],
    target: float,
    confidence: float,
) -> float:
    """Cost a row, foreseen by fit rows, as many as will test."""
    most = len(asked_rows(measured, names, measured.split.calibrate))
    rows = fit_rows(measured, names)[:most]
    foreseen = _certified(measured, scored, names, rows, target, confidence)
    if foreseen.threshold is None:
        return float("inf")
    return _cost(measured, scored, foreseen, rows)


def _cost(measured: Measured, scored: Scored, made: Promise, rows: Ints) -> float:
    threshold = float("inf") if made.threshold is None else made.threshold
    left = np.ones(len(rows), dtype=bool)
    cost = 0.0
    for name in made.stages:
        if name == "slm" and measured.slm is not None:
            cost += float(np.nanmean(measured.slm.cost)) * float(left.mean())
        left &= ~(scored.scores[name][rows] >= threshold)
    return cost + llm_cost(measured) * float(left.mean())


def llm_cost(measured: Measured) -> float:
    """Mean cost of an LLM call at its best prompt; where none was made, 50 times the SLM's."""
    if measured.llm is not None and not np.isnan(measured.llm.cost).all():
        return float(np.nanmean(measured.llm.cost))
    slm = measured.slm
    return 50 * float(np.nanmean(slm.cost)) if slm is not None else 1.0


def outlook(measured: Measured, scored: Scored, made: Promise) -> Outlook:
    """What `made` does on the test rows."""
    rows = asked_rows(measured, made.stages, measured.split.test)
    threshold = float("inf") if made.threshold is None else made.threshold
    accepted, right = accepted_at(stages_of(measured, scored, made.stages, rows), threshold)
    head = np.zeros(len(rows), dtype=bool)
    if made.stages[0] == "head":
        head = scored.scores["head"][rows] >= threshold
    return Outlook(
        promise=made,
        head=float(head.mean()),
        slm=float((accepted & ~head).mean()),
        llm=float((~accepted).mean()),
        precision=wilson(int(right[accepted].sum()), int(accepted.sum())),
        quality=_quality(measured, rows, accepted, right),
        cost=_cost(measured, scored, made, rows) / llm_cost(measured),
    )


def _quality(measured: Measured, rows: Ints, accepted: Bools, right: Bools) -> float | None:
    """Accepted rows by their own answers; the rest by the LLM's where it was asked of them."""
    if accepted.all():
        return float(right.mean())
    if measured.llm is None:
        return None
    rest = measured.llm.among(rows[~accepted])
    if not len(rest):
        return None
    by_llm = float((measured.llm.labels[rest] == measured.labels[rest]).mean())
    return float(right[accepted].sum() / len(rows) + by_llm * (~accepted).mean())


def benefit(measured: Measured, scored: Scored) -> Monotone | None:
    """P(the LLM is right) by the best local score, from fit rows that the LLM was asked too. Its
    lead over the score is the gain of asking: P(LLM right, local answer wrong) less the reverse."""
    if measured.llm is None:
        return None
    names = list(scored.labels)
    rows = measured.llm.among(fit_rows(measured, names))
    if len(rows) < LEAST_BENEFIT:
        return None
    best = best_score(stages_of(measured, scored, names, rows))
    return Monotone.fit(best, measured.llm.labels[rows] == measured.labels[rows])


def figures(measured: Measured, scored: Scored) -> dict[str, dict[str, Any]]:
    """By stage, on test rows: accuracy, AUROC and AURC of its score and of its raw confidence, and
    the calibration error before and after. An AUROC is None where all are right, or all wrong."""
    told: dict[str, dict[str, Any]] = {}
    for name in scored.labels:
        rows = asked_rows(measured, [name], measured.split.test)
        if not len(rows):
            continue
        (stage,) = stages_of(measured, scored, [name], rows)
        raw, raw_right = _raw(measured, name, rows)
        told[name] = {
            "rows": len(rows),
            "accuracy": float(stage.right.mean()),
            "auroc": or_none(curves.auroc(stage.scores, stage.right)),
            "aurc": curves.aurc(stage.scores, stage.right),
            "ece_after": curves.calibration_error(stage.scores, stage.right),
            "raw_accuracy": float(raw_right.mean()),
            "raw_auroc": or_none(curves.auroc(raw, raw_right)),
            "ece_before": curves.calibration_error(raw, raw_right),
        }
    return told


def _raw(measured: Measured, name: str, rows: Ints) -> tuple[Floats, Bools]:
    """A stage's own probability of its own label, before any calibration."""
    if name == "slm" and measured.slm is not None:
        chances, labels = measured.slm.probabilities[rows], measured.slm.labels[rows]
    else:
        chances = np.exp(measured.head_logs[rows])
        labels = chances.argmax(axis=1)
    return chances.max(axis=1).astype(float), labels == measured.labels[rows]
