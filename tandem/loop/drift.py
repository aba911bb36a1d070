"""Does what a calibration promised still hold? Recent scores, feedback and the shadow against it.

A promise speaks of requests like those that it was certified on. Four things may speak against it:

- It is not in force: the SLM, the prompt or the embeddings are others. Tandem has fallen back.
- Recent scores are spread otherwise than at calibration (two-sample Kolmogorov-Smirnov test,
  Bonferroni-corrected for the number of tests). Other requests come in, which need not be answered
  worse: that is a doubt, never a proof.
- People complain. Feedback is no uniform sample, so the share of complaints among what was judged
  is a doubt at most. Where complaints are too many even when all answers that nobody judged count
  as right, the promise is broken.
- The LLM disagrees with a random sample (the shadow). Answers of which at least `target` are right
  and an LLM that is right in q can disagree in at most (1 - target) + (1 - q); where the interval
  of the disagreement lies above that, the promise is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from tandem.ledger.evidence import Evidence, evidence
from tandem.ledger.shadow import ShadowReport, shadow_report
from tandem.ledger.store import Ledger
from tandem.loop.drift_records import Complaints, Status, TaskCheck
from tandem.loop.drift_remedies import remedy
from tandem.loop.in_force import LOCAL, RULE, InForce
from tandem.nodes.label_acceptance import SCORE
from tandem.nodes.stages import SECOND_TRY
from tandem.quality.label_sets import LABEL_SET, label_set
from tandem.stats import wilson

ALPHA: Final = 0.05
"""How often all tests of a check together may give an alarm where nothing changed."""
LEAST_SHIFT: Final = 0.1
"""Least distance of two distributions (largest difference of their shares below any score) that
matters: with thousands of rows any difference is significant."""
LEAST_REFERENCE: Final = 20


class _Shift(NamedTuple):
    """A stage's two samples, compared."""

    stage: str
    recent: int
    reference: int
    distance: float | None = None
    p: float | None = None


@dataclass
class _Gathered:
    """What the ledger says of one calibration."""

    found: InForce
    since: datetime
    scores: dict[str, list[float]] = field(default_factory=lambda: {"head": [], "slm": []})
    accepted: int = 0
    outside: int = 0
    words: list[bool] = field(default_factory=list)
    shadow: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Evidence) -> None:
        """What the promise does not speak of (answers of the SLM that left by margin, second
        tries) is counted, and nothing else."""
        if row["tier"] not in self.found.stages or SECOND_TRY in row["signals"]:
            self.outside += row["served"]
            return
        score = row["signals"].get(SCORE, row["score"])
        if score is not None and not row["gated"]:
            self.scores["slm" if row["tier"] == RULE else row["tier"]].append(score)
        if row["served"]:
            self.accepted += 1
            self.words += [] if row["correct"] is None else [row["correct"]]
            self.shadow += [row["shadow"]] if row["shadow"] else []

    @property
    def used(self) -> bool:
        """Whether it had anything to say of a request."""
        return bool(self.accepted or self.outside or any(self.scores.values()))

    def shifts(self, least: int) -> list[_Shift]:
        """Both stages, each tested where it has rows enough."""
        return [
            _compared(stage, self.scores[stage], _reference(self.found, stage), least)
            for stage in LOCAL
        ]


def check_drift(
    ledger: Ledger, calibrations: Sequence[InForce], since: datetime, least: int = 100
) -> list[TaskCheck]:
    """What of each promise still holds, by what the ledger holds since `since`.

    Rows from before a calibration was made do not count, nor those of requests that asked for
    another quality than the task's target.

    Parameters
    ----------
    least: scores, comparisons or judgements below which nothing is tested.

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    found = [_gather(ledger, each, max(since, each.made)) for each in calibrations]
    # What ships and is not used is nobody's promise.
    gathered = [each for each in found if each.used or not each.found.shipped]
    shifts = [each.shifts(least) for each in gathered]
    tests = sum(shift.p is not None for several in shifts for shift in several)
    level, confidence = ALPHA / max(1, tests), 1 - ALPHA / max(1, len(gathered))
    return [
        _Judge(each, several, level, confidence, least, ledger.currency).told()
        for each, several in zip(gathered, shifts, strict=True)
    ]


def _gather(ledger: Ledger, found: InForce, since: datetime) -> _Gathered:
    gathered, own = _Gathered(found, since), label_set(found.labels) if found.labels else None
    for row in evidence(ledger, found.task, since):
        asked = row["quality"]
        same_target = asked is None or abs(asked - found.target) < 1e-9
        if row["signals"].get(LABEL_SET) == own and same_target:
            gathered.add(row)
    return gathered


def _reference(found: InForce, stage: str) -> list[float]:
    """The stage's scores at calibration, of such rows as reach it now."""
    kept = found.scores.get(stage, [])
    if stage == "head":
        return list(kept)
    promise = found.promise
    if promise is None or promise.threshold is None or stage not in promise.stages:
        return []
    if found.escalation != "guarantee":
        return []
    reached = promise.threshold if "head" in promise.stages else float("inf")
    return [slm for head, slm in kept if head < reached]


def _compared(
    stage: str, recent: Sequence[float], reference: Sequence[float], least: int
) -> _Shift:
    sizes = _Shift(stage, len(recent), len(reference))
    if len(recent) < least or len(reference) < LEAST_REFERENCE:
        return sizes
    from scipy.stats import ks_2samp  # type: ignore[import-untyped]

    test = ks_2samp(recent, reference, method="asymp")
    return sizes._replace(distance=float(test.statistic), p=float(test.pvalue))


@dataclass(frozen=True)
class _Judge:
    """Puts what was found into a word, reasons and a remedy."""

    gathered: _Gathered
    shifts: Sequence[_Shift]
    level: float
    confidence: float
    least: int
    currency: str

    def told(self) -> TaskCheck:
        found = self.gathered.found
        status, reasons = self._status()
        missing = self._missing()
        return {
            "task": found.task,
            "labels": list(found.labels),
            "shipped": found.shipped,
            "data": found.data,
            "made": found.made.isoformat(),
            "since": self.gathered.since.isoformat(),
            "target": found.target,
            "promise": found.promise.words(found.task, found.who) if found.promise else None,
            "status": status,
            "reasons": [*found.notes, *reasons],
            "remedy": remedy(found, status, missing),
            "missing": missing,
            "confidence": self.confidence,
            "accepted": self.gathered.accepted,
            "outside": self.gathered.outside,
            "scores": [{**each._asdict(), "shifted": self._shifted(each)} for each in self.shifts],  # type: ignore[typeddict-item]
            "feedback": self._feedback(),
            "shadow": self._shadow(),
        }

    def _status(self) -> tuple[Status, list[str]]:
        found = self.gathered.found
        if found.escalation != "guarantee":
            return "no promise", [f'escalation = "{found.escalation}": nothing is promised']
        if found.promise is None and found.promised:
            return "broken", ["the promise is not in force any more: Tandem has fallen back"]
        if not found.followed:
            return "not followed", ["it promises of single fields; the ledger holds none of these"]
        if found.promise is not None and found.promise.agreement:
            return "no promise", ["it was calibrated by feedback: agreement, and no promise"]
        if found.promise is None:
            return "no promise", [f"nothing was certified for {_percent(found.target)}"]
        return self._of_promise()

    def _of_promise(self) -> tuple[Status, list[str]]:
        if broken := self._proofs():
            return "broken", broken
        if doubts := self._doubts():
            return "in doubt", doubts
        if missing := self._missing():
            return "too few rows", [f"nothing can be tested before {missing} more answers"]
        return "holds", ["nothing that was looked at speaks against it"]

    def _proofs(self) -> list[str]:
        allowed, feedback, shadow = self._allowed, self._feedback(), self._shadow()
        proofs: list[str] = []
        least = wilson(feedback["wrong"], self.gathered.accepted, self.confidence)
        if least.n and least.low > allowed:
            proofs.append(
                f"complaints alone came for {_percent(least.mean)} of all answers accepted without "
                f"the LLM, and {_percent(allowed)} may be wrong"
            )
        llm_right = self.gathered.found.llm_right
        most = None if llm_right is None else allowed + 1 - llm_right
        if most is not None and shadow["compared"] and 1 - shadow["high"] > most:
            proofs.append(
                f"the LLM disagrees with at least {_percent(1 - shadow['high'])} of the accepted "
                f"answers; its own errors and those that are allowed explain {_percent(most)}"
            )
        return proofs

    def _doubts(self) -> list[str]:
        feedback, shadow = self._feedback(), self._shadow()
        doubts = [
            f"scores of the {each.stage} are spread otherwise than at calibration "
            f"(distance {each.distance:.2f}, p {each.p:.1g})"
            for each in self.shifts
            if self._shifted(each)
        ]
        if feedback["given"] and feedback["low"] > self._allowed:
            doubts.append(
                f"{feedback['wrong']} of {feedback['given']} judged answers were called wrong "
                "(no uniform sample)"
            )
        unknown = self.gathered.found.llm_right is None
        if unknown and shadow["compared"] and 1 - shadow["high"] > self._allowed:
            doubts.append(
                f"the LLM disagrees with at least {_percent(1 - shadow['high'])} of the accepted "
                "answers, and how often it is right itself was not measured"
            )
        return doubts

    @property
    def _allowed(self) -> float:
        """The share of wrong answers that the promise leaves room for."""
        promise = self.gathered.found.promise
        return 1 - (promise.target if promise else self.gathered.found.target)

    def _missing(self) -> int:
        """More rows that it takes until anything is tested."""
        able = [each.recent for each in self.shifts if each.reference >= LEAST_REFERENCE]
        most = max([*able, self._shadow()["compared"], len(self.gathered.words)])
        return max(0, self.least - most)

    def _shifted(self, shift: _Shift) -> bool:
        if shift.p is None or shift.distance is None:
            return False
        return shift.p < self.level and shift.distance >= LEAST_SHIFT

    def _feedback(self) -> Complaints:
        given, wrong = len(self.gathered.words), self.gathered.words.count(False)
        share = wilson(wrong, given, self.confidence)
        return {
            "given": given,
            "wrong": wrong,
            "complaints": share.mean if given else None,
            "low": share.low,
            "high": share.high,
        }

    def _shadow(self) -> ShadowReport:
        rows, task = self.gathered.shadow, self.gathered.found.task
        return shadow_report(task, rows, self.currency, self.confidence)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
