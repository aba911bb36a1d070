"""A task whose SLM answers are judged by a calibrated score over their signals.

It wraps the task itself where a calibration of it exists, and changes nothing but the check: the
hard gates first, then the gate `score`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tandem.models.tier import TierCall
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.label_acceptance import Rules
from tandem.nodes.scored_base import Scored
from tandem.nodes.stages import Judgement, is_second_try, unseen
from tandem.nodes.task import OwnRetry, Prepared, Task
from tandem.quality.calibration.signal_calibration import SignalCalibration
from tandem.quality.calibration.threshold import Promise
from tandem.records import Attempt, GateFailure


@dataclass(frozen=True)
class ScoredTask(Scored):
    """A task, and its calibration.

    Parameters
    ----------
    note: why the calibration does not fit the SLM or the prompt of today; empty: it does.
    """

    made: SignalCalibration
    note: str = ""

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        failed = self.inner.check(prepared, attempt)
        if failed or attempt["tier"] != "slm" or not self._in_force:
            return failed
        if is_second_try(attempt):
            return [unseen()]
        promise = self._promise(prepared)
        if promise is None or promise.threshold is None:
            level = f"{100 * self._target(prepared):.4g} %"
            detail = f"no threshold can promise {level} right answers of the SLM"
            return [GateFailure(gate="score", detail=detail)]
        score = self.made.score(attempt["signals"])
        if score >= promise.threshold:
            return []
        detail = f"score {score:.3f} is below {promise.threshold:.3f}"
        return [GateFailure(gate="score", detail=detail)]

    def judge(self, prepared: Prepared, attempt: Attempt) -> Judgement:
        """See OwnJudgement."""
        if attempt["tier"] != "slm":
            return Judgement()
        if not self._in_force:
            return Judgement(notes=[self.note] if self.note else [])
        if is_second_try(attempt):
            return Judgement()
        promise, score = self._promise(prepared), self.made.score(attempt["signals"])
        threshold = promise.threshold if promise else None
        kept = promise is not None and threshold is not None and score >= threshold
        promises = [promise.words(self.name)] if promise and kept else []
        return Judgement(score, threshold, promises=promises)

    @property
    def _in_force(self) -> bool:
        return not self.note and self.rules.escalation == "guarantee"

    def _promise(self, prepared: Prepared) -> Promise | None:
        return self.made.promise(self._target(prepared))


@dataclass(frozen=True)
class ScoredRetryTask(ScoredTask):
    """A ScoredTask whose inner task knows a second try of its own."""

    def retry(self, prepared: Prepared, rejected: Attempt, tier: TierCall, number: int) -> Attempt:
        """See OwnRetry."""
        inner: Any = self.inner
        again: Attempt = inner.retry(prepared, rejected, tier, number)
        return again


def scored(task: Task, made: SignalCalibration, rules: Rules, identity: str) -> Task:
    """`task` under the calibration `made`; `identity` is that of the SLM of today."""
    note = ""
    if made.identity != identity:
        note = "the calibration was made with another SLM: its answers pass by their gates only"
    elif made.prompt != source_sum(task):
        note = "the calibration was made with another prompt: SLM answers pass by their gates only"
    kind = ScoredRetryTask if isinstance(task, OwnRetry) else ScoredTask
    return kind(task, rules, made, note)
