"""Calibrate a label task: train its head, ask the tiers, fit scores, certify thresholds.

Rows are dealt out to three disjoint parts: fitting (head, examples, score), calibration (nothing
but thresholds), test (nothing but the figures that are told).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tandem.errors import InvalidRequest
from tandem.loop import against_llm, certifying
from tandem.loop.certifying import Measured, Outlook, Scored
from tandem.loop.labelled import LabelledRows, Split, split
from tandem.loop.measuring import Asker, Progress, TierAnswers
from tandem.loop.options import Options, refuse_too_few
from tandem.loop.seen import Apart, apart, seen_in_force, told
from tandem.loop.sketch import score_sketch
from tandem.models.embeddings import embed_all, fingerprint_of
from tandem.models.identity import tier_identity
from tandem.nodes.calibrated import shortlist
from tandem.nodes.labels import LabelTask
from tandem.nodes.tuned import asked_labels
from tandem.quality.calibration.calibration import Asking, LabelCalibration, TierFit
from tandem.quality.calibration.examples import Examples
from tandem.quality.calibration.head import FittedHead, Guess, fit_head
from tandem.quality.calibration.threshold import Promise
from tandem.records import TierName
from tandem.services import Services

Ints = NDArray[np.int64]
SHORTLIST: Final = 10
"""Labels in a prompt where there are many: the head's first ten hold 0.99 of the right ones."""
MANY_LABELS: Final = 20
EXAMPLES: Final = 4
FRESH_ROWS: Final = 50
"""So many fit rows that an adapter did not learn do to fit its score; on those that it learnt it is
too often right, and too sure."""


@dataclass(frozen=True)
class Outcome:
    """A calibration, and how it does on rows that it never saw."""

    calibration: LabelCalibration
    measured: Measured
    scored: Scored
    outlooks: tuple[Outlook, ...]
    """Of every promise, certified or not, in the calibration's order."""
    figures: dict[str, Any] = field(default_factory=dict)
    moved: str = ""
    """Which rows only teach, for the adapter's sake, in words; empty: none."""


@dataclass(frozen=True)
class Calibrator:
    """Calibrates one label task.

    Parameters
    ----------
    services: tiers and embeddings; such as keep answers, so that a stop loses nothing.
    task: the label task, without a calibration.
    """

    services: Services
    task: LabelTask
    options: Options
    progress: Progress = lambda _what, _done, _of: None

    def run(self, rows: LabelledRows, parts: Split | None = None) -> Outcome:
        """Calibrate on `rows`.

        Parameters
        ----------
        parts: how they are dealt out; None: by a hash of their text.

        Raises
        ------
        InvalidRequest: too few rows for the target, or the head finds one label only.
        ModelError, ModelFileError: a tier or the embeddings gave no answer, or it is not known
            which rows the adapter in force learnt.
        """
        if rows.several_tenants and self.options.examples != 0:
            return replace(self, options=replace(self.options, examples=0)).run(rows, parts)
        dealt = split(rows, self.options.seed) if parts is None else parts
        seen = seen_in_force(self.services, self.task.name, asked_labels(rows.names))
        found = apart(dealt, rows.texts, seen)
        parts, moved = found.parts, told(seen.name, found.learnt, found.judged)
        refuse_too_few(len(parts.calibrate), self.options, moved or rows.repeats())
        vectors = self._embed(rows)
        head = self._head(rows, parts, vectors)
        head_logs, head_scores = self._head_says(rows, parts, vectors, head)
        examples = self._examples(rows, parts, vectors)
        score_rows = self._score_rows(found, len(rows.names))
        asker = self._asker(rows, vectors, head_logs, examples)
        measured = Measured(
            rows.labels, parts, vectors, head_logs, head_scores, score_rows, None, None
        )
        measured, slm = self._ask_slm(measured, asker)
        measured, llm = self._ask_llm(measured, asker)
        scored = certifying.score_answers(measured)
        made = certifying.promises(measured, scored, self.options.targets, self.options.confidence)
        made = [self.options.named(one) for one in made]
        figures = certifying.figures(measured, scored)
        calibration = self._calibration(
            rows, head, examples, measured, scored, (slm, llm), made, figures
        )
        outlooks = tuple(certifying.outlook(measured, scored, one) for one in made)
        return Outcome(calibration, measured, scored, outlooks, figures, moved)

    def _score_rows(self, found: Apart, labels: int) -> Ints:
        """Fit rows on which the SLM's score is fitted: such as its adapter did not learn, where
        there are enough of them."""
        most = self.options.slm_rows
        enough = found.fresh >= max(FRESH_ROWS, labels)
        return found.parts.fit[: min(most, found.fresh) if enough else most]

    def _embed(self, rows: LabelledRows) -> NDArray[np.float32]:
        count = len(rows.texts)
        return embed_all(
            self.services.embeddings,
            list(rows.texts),
            lambda done: self.progress("embeddings", done, count),
        )

    def _head(self, rows: LabelledRows, parts: Split, vectors: NDArray[np.float32]) -> FittedHead:
        self.progress("training the head", 0, 1)
        texts = [rows.texts[row] for row in parts.fit]
        try:
            head = fit_head(texts, vectors[parts.fit], rows.labels[parts.fit], len(rows.names))
        except ValueError as error:
            raise InvalidRequest(
                "The rows for fitting are too few, or have one label only.", "Give more rows."
            ) from error
        self.progress("training the head", 1, 1)
        return head

    @staticmethod
    def _head_says(
        rows: LabelledRows, parts: Split, vectors: NDArray[np.float32], fitted: FittedHead
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        logs = np.zeros((len(rows.texts), len(rows.names)), dtype=np.float32)
        scores = np.zeros(len(rows.texts))
        logs[parts.fit], scores[parts.fit] = fitted.log_probabilities, fitted.scores
        for row in np.concatenate([parts.calibrate, parts.test]):
            guess = fitted.head(rows.texts[row], vectors[row])
            logs[row], scores[row] = guess.log_probabilities, guess.score
        return logs, scores

    def _examples(self, rows: LabelledRows, parts: Split, vectors: NDArray[np.float32]) -> Examples:
        """Fit rows for prompts, as a file holds them: what is measured is what is kept. Such that
        a public model may not see stay out, since a prompt may go to one."""
        visible = {"none", *self.services.settings.privacy.public_may_see}
        open_rows = [
            int(row)
            for row in parts.fit[: self.options.most_examples]
            if self.services.assess({"text": rows.texts[row]}).sensitivity in visible
        ]
        labels = rows.labels[open_rows].tolist()
        made = Examples([rows.texts[row] for row in open_rows], labels, vectors[open_rows])
        return Examples.unpacked(made.packed())

    def _asker(
        self,
        rows: LabelledRows,
        vectors: NDArray[np.float32],
        head_logs: NDArray[np.float32],
        examples: Examples,
    ) -> Asker:
        def likeliest(row: int, count: int) -> list[str]:
            return shortlist(rows.names, Guess(0, 0.0, head_logs[row]), count)

        return Asker(
            self.services,
            self.task,
            rows.names,
            rows.texts,
            vectors,
            examples,
            likeliest,
            self.progress,
        )

    def _ask_slm(self, measured: Measured, asker: Asker) -> tuple[Measured, TierFit | None]:
        most = self.options.slm_rows
        if not most:
            return measured, None
        asking, answers = self._best_asking("slm", measured, asker)
        parts = measured.split
        wanted = [measured.score_rows, parts.calibrate[:most], parts.test[:most]]
        answers = asker.ask("slm", asking, np.concatenate(wanted), answers)
        measured = replace(measured, slm=answers)
        return measured, self._tier_fit("slm", asking, answers, asker, measured)

    def _ask_llm(self, measured: Measured, asker: Asker) -> tuple[Measured, TierFit | None]:
        most = self.options.llm_rows
        if not most:
            return measured, None
        asking, answers = self._best_asking("llm", measured, asker)
        answers = asker.ask("llm", asking, measured.split.test[:most], answers)
        measured = replace(measured, llm=answers)
        return measured, self._tier_fit("llm", asking, answers, asker, measured)

    def _best_asking(
        self, tier: TierName, measured: Measured, asker: Asker
    ) -> tuple[Asking, TierAnswers]:
        """Whether examples help, by fit rows: with and without, on the same rows."""
        count = len(asker.names)
        cut = SHORTLIST if count > MANY_LABELS else 0
        given = self.options.examples
        ways = [Asking(k, cut) for k in ((0, EXAMPLES) if given is None else (given,))]
        rows = measured.split.fit[: self.options.probe_rows]
        tried = []
        for asking in ways:
            answers = TierAnswers(len(measured.labels), count)
            if len(ways) > 1 or tier == "llm":
                asker.ask(tier, asking, rows, answers)
            right = float((answers.labels[rows] == measured.labels[rows]).mean())
            tried.append((right, -asking.examples, asking, answers))
        _, _, asking, answers = max(tried, key=lambda one: one[:2])
        return asking, answers

    def _tier_fit(
        self,
        tier: TierName,
        asking: Asking,
        answers: TierAnswers,
        asker: Asker,
        measured: Measured,
    ) -> TierFit:
        rows = answers.among(measured.split.test)
        right = float((answers.labels[rows] == measured.labels[rows]).mean()) if len(rows) else None
        return TierFit(
            identity=tier_identity(self.services.settings, tier, self.task.name),
            prompt=self.task.prompt_sum(asker.names, asking, tier),
            asking=asking,
            right=right,
            rows=len(rows),
            tokens_per_byte=answers.tokens_per_byte,
        )

    def _calibration(
        self,
        rows: LabelledRows,
        head: FittedHead,
        examples: Examples,
        measured: Measured,
        scored: Scored,
        fits: tuple[TierFit | None, TierFit | None],
        made: list[Promise],
        figures: dict[str, Any],
    ) -> LabelCalibration:
        slm, llm = fits
        wanted = any(fit and fit.asking.examples for fit in fits)
        return LabelCalibration(
            task=self.task.name,
            labels=rows.names,
            embeddings=fingerprint_of(self.services.embeddings),
            head=head.head,
            score=scored.score.score if scored.score else None,
            slm=slm,
            llm=llm,
            promises=tuple(made),
            benefit=certifying.benefit(measured, scored),
            examples=examples if wanted else None,
            card={
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "data": self.options.data,
                "rows": {name: len(part) for name, part in measured.split._asdict().items()},
                "slm_rows": self.options.slm_rows,
                "llm_rows": self.options.llm_rows,
                "seed": self.options.seed,
                "test": figures,
                "scores": score_sketch(measured, scored),
                "llm_where_accepted": against_llm.where_accepted(measured, scored, made),
            },
        )
