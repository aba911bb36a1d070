"""Calibrate extraction field by field: run the SLM on rows whose values are known, fit a score for
each field, certify a threshold for each.

Rows are dealt out to fitting and to certifying only: a promise needs many rows, and it is itself
what the certifying rows say. How good the scores are is told of certifying rows as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import InvalidRequest
from tandem.loop.calibrate_signals import KnownRow, Tried, text_of, tried
from tandem.loop.figures import area, or_none, shown
from tandem.loop.labelled import drawn
from tandem.loop.measuring import Progress, profile_of
from tandem.loop.options import Options, refuse_too_few
from tandem.loop.seen import NOTHING, Seen, seen_in_force
from tandem.loop.seen import told as moved_told
from tandem.models.identity import tier_identity
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.scored_fields import kept_fields, key_of
from tandem.nodes.task import Task
from tandem.nodes.tuned import asked_schema
from tandem.quality.calibration import curves
from tandem.quality.calibration.field_calibration import FieldCalibration, FieldScore
from tandem.quality.calibration.small_score import fit_small_score
from tandem.quality.calibration.threshold import (
    REJECTED,
    Promise,
    Stage,
    certify,
    grid,
    sentence,
)
from tandem.quality.field_features import Features, field_features
from tandem.quality.same_value import judged
from tandem.services import Services

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
FIT_SHARE: Final = 0.4
CERTIFYING_SHARE: Final = 1 - FIT_SHARE
"""Of the rows, for fitting: a handful of weights needs fewer rows than a promise does. Adapters
learn from documents of the first share and are chosen by such, whatever the number of rows."""
FRESH_ROWS: Final = 20
"""So many fit rows that an adapter did not learn do to fit the scores."""


class FieldRows(NamedTuple):
    """One field of many answers.

    Shapes: (rows,). `rows`: positions among all rows.
    """

    rows: Ints
    features: list[Features]
    passed: Bools
    """Whether its value leaves wherever its score does; see scored_fields.kept_fields."""
    right: Bools


class FieldOutcome(NamedTuple):
    """A calibration, and by field the AUROC of its score and the share of right values."""

    calibration: FieldCalibration
    figures: Mapping[str, Mapping[str, float | None]]
    moved: str = ""
    """Which rows certify nothing, for the adapter's sake, in words; empty: none."""


@dataclass(frozen=True)
class FieldCalibrator:
    """Calibrates extraction for one schema.

    Parameters
    ----------
    task: the extraction, without a calibration. services: such as keep answers.
    """

    services: Services
    task: Task
    options: Options
    progress: Progress = lambda _what, _done, _of: None

    def run(self, rows: list[KnownRow]) -> FieldOutcome:
        """Calibrate on `rows`.

        Raises
        ------
        InvalidRequest: rows of several schemas, rows that do not tell of the same fields, or too
            few to promise anything.
        ModelError: the SLM gave no answer. What was answered is kept by the services.
        """
        refuse_untold(rows)
        rows, fit, certifying, moved = self._dealt(rows)
        refuse_too_few(len(certifying), self.options, moved, share=CERTIFYING_SHARE)
        answers = []
        for at, row in enumerate(rows, start=1):
            answers.append(tried(self.services, self.task, row.request))
            self.progress("SLM", at, len(rows))
        fields, figures = {}, {}
        for name, known in by_field(rows, answers).items():
            made, figures[name] = self._field(name, known, set(fit.tolist()))
            fields[name] = made
        card = {
            "data": self.options.data,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "rows": {"fit": len(fit), "certify": len(certifying)},
            "seed": self.options.seed,
            "fields": figures,
        }
        identity = tier_identity(self.services.settings, "slm", self.task.name)
        key, prompt = _one_key(answers), source_sum(self.task)
        made_of = FieldCalibration(self.task.name, key, identity, prompt, fields, card)
        return FieldOutcome(made_of, figures, moved)

    def _dealt(self, rows: list[KnownRow]) -> tuple[list[KnownRow], Ints, Ints, str]:
        """The rows, less those that the adapter in force learnt, their numbers for fitting and for
        certifying, and what was left out, in words. What chose the adapter is for fitting."""
        fit, certifying = dealt(rows, self.options.seed)
        sources, seen = self._seen(rows)
        if not seen.name:
            return rows, fit, certifying, ""
        learnt = np.array([seen.has_learnt(text) for text in sources], dtype=bool)
        judged = np.array([seen.was_judged_by(text) for text in sources], dtype=bool) & ~learnt
        barred = certifying[judged[certifying]]
        fresh = np.concatenate([fit[~learnt[fit]], barred])
        if len(fresh) < FRESH_ROWS:
            fresh = np.concatenate([fit, barred])
        clean = certifying[~(learnt | judged)[certifying]]
        left_out = int(learnt[certifying].sum())
        kept = [rows[row] for row in (*fresh, *clean)]
        place = np.arange(len(kept), dtype=np.int64)
        words = moved_told(seen.name, left_out, len(barred))
        return kept, place[: len(fresh)], place[len(fresh) :], words

    def _seen(self, rows: list[KnownRow]) -> tuple[list[str], Seen]:
        """The documents as the model reads them, and what the adapter that answers has seen."""
        cards = self.services.adapters.in_force().values()
        if all(card.task != self.task.name for card in cards):
            return [], NOTHING
        prepared = [
            self.task.prepare(row.request, profile_of(self.services, self.task.name, row.request))
            for row in rows
        ]
        tuned = next((one for one in prepared if "adapter" in one), None)
        if tuned is None:
            return [], NOTHING
        seen = seen_in_force(self.services, self.task.name, asked_schema(tuned["schema"]))
        return [one["source"] for one in prepared], seen

    def _field(
        self, name: str, known: FieldRows, fit: set[int]
    ) -> tuple[FieldScore, dict[str, float | None]]:
        self.progress(name, 1, 1)
        fitting = np.array([row in fit for row in known.rows.tolist()], dtype=bool)
        score, fit_scores, scores = scored(known, fitting)
        stage = Stage(scores, known.right[~fitting])
        made = tuple(
            self.options.named(promised(fit_scores, stage, target, self.options.confidence))
            for target in self.options.targets
        )
        figures: dict[str, float | None] = {
            "right": float(known.right.mean()) if len(known.right) else 0.0,
            "AUROC": or_none(curves.auroc(stage.scores, stage.right)),
            "rows": float(len(stage.scores)),
        }
        return FieldScore(score, made), figures


def refuse_untold(rows: list[KnownRow]) -> None:
    """Raises InvalidRequest where a row lacks a field that others tell of. To leave such rows out
    would certify the field on the documents that have it, and let it leave from all."""
    names: dict[str, None] = {}
    for at, row in enumerate(rows, start=1):
        if not isinstance(row.expected, Mapping):
            raise InvalidRequest(f"`expected` of row {at} is no object.", "Give values by field.")
        names |= dict.fromkeys(row.expected)
    for at, row in enumerate(rows, start=1):
        if lacking := names.keys() - row.expected.keys():
            raise InvalidRequest(
                f"Row {at} does not tell of {min(lacking)!r}, and other rows do.",
                "Give null where a document has no value.",
            )


def dealt(rows: list[KnownRow], seed: int) -> tuple[Ints, Ints]:
    """Row numbers for fitting and for certifying, in random order; equal texts fall together, and
    as for every other command."""
    at = [drawn(text_of(row), seed) for row in rows]
    order = np.array(sorted(range(len(at)), key=lambda row: at[row]), dtype=np.int64)
    first = np.array([at[row] < FIT_SHARE for row in order], dtype=bool)
    return order[first], order[~first]


def by_field(rows: list[KnownRow], answers: list[Tried]) -> dict[str, FieldRows]:
    """What is known of each field that any row tells of; null: the document has none."""
    found: dict[str, list[tuple[int, Features, bool, bool]]] = {}
    for at, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        attempt, prepared = answer.attempt, answer.prepared
        output = attempt["output"]
        verdicts = judged(output, row.expected, absent=True)
        kept = kept_fields(verdicts, attempt, answer.failed, prepared["schema"])
        for name, right in verdicts.items():
            features: Features = {}
            if isinstance(output, Mapping):
                features = field_features(name, output, prepared["source"], attempt["signals"])
            found.setdefault(name, []).append((at, features, name in kept, right))
    return {name: _rows(values) for name, values in found.items()}


def _rows(values: list[tuple[int, Features, bool, bool]]) -> FieldRows:
    rows, features, passed, right = zip(*values, strict=True)
    return FieldRows(
        np.array(rows), list(features), np.array(passed, dtype=bool), np.array(right, dtype=bool)
    )


def scored(known: FieldRows, fitting: Bools) -> tuple[Any, Any, Any]:
    """The score, its held-out scores of the fitting rows that passed, its scores of the others."""
    inside = fitting & known.passed
    fitted = fit_small_score(
        [known.features[row] for row in np.flatnonzero(inside)], known.right[inside]
    )
    scores = np.array(
        [
            fitted.score(known.features[row]) if known.passed[row] else REJECTED
            for row in np.flatnonzero(~fitting)
        ]
    )
    # The grid needs every fitting row, since what a gate rejects is accepted at no threshold.
    fit_scores = np.zeros(int(fitting.sum()))
    fit_scores[known.passed[fitting]] = fitted.scores
    return fitted.score, fit_scores, scores


def promised(fit_scores: Any, stage: Stage, target: float, confidence: float) -> Promise:
    """What `stage` certifies on a grid that comes of the fitting rows."""
    thresholds = grid(fit_scores, len(stage.scores), target, confidence)
    return certify([stage], thresholds, target, confidence, ("slm",))


def _one_key(answers: list[Tried]) -> str:
    keys = {key_of(answer.prepared) for answer in answers}
    if len(keys) > 1:
        raise InvalidRequest(
            "The rows have several schemas, or examples of their own.",
            "Calibrate one schema at a time.",
        )
    return keys.pop()


def told(outcome: FieldOutcome, target: float) -> Iterator[str]:
    """The report in plain lines."""
    calibration = outcome.calibration
    rows = calibration.card["rows"]
    yield f"{calibration.task}: rows {', '.join(f'{n} {size}' for n, size in rows.items())}"
    if outcome.moved:
        yield outcome.moved
    for name, field in calibration.fields.items():
        seen = outcome.figures[name]
        yield (
            f"{name}: right {shown(seen['right'])}, AUROC {area(seen['AUROC'])}, "
            f"{seen['rows']:.0f} certifying rows"
        )
        for made in field.promises:
            if made.threshold is None:
                yield f"{made.target:7.1%}  nothing certified"
            else:
                yield (
                    f"{made.target:7.1%}  threshold {made.threshold:.3f}, accepted "
                    f"{made.accepted} of {made.rows}, {made.errors} wrong"
                )
        found = field.promise(target)
        words = f"{calibration.task}.{name}"
        nothing = Promise(("slm",), target, 0.9, None, 0, 0, 0)
        yield sentence(found or nothing, words)
