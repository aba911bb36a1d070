"""Whether a logged attempt would pass under other thresholds: hard gates stay, margins and scores
are compared again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from tandem.graphs.tasks import calibrations
from tandem.loop.replay.changes import Changes
from tandem.loop.replay.logged import LoggedAttempt, LoggedRun
from tandem.nodes.calibrated import Plan
from tandem.nodes.labels import LabelTask
from tandem.nodes.scored import ScoredTask
from tandem.nodes.scored_fields import ScoredFieldsTask
from tandem.nodes.shadow import layers
from tandem.nodes.stages import is_second_try
from tandem.nodes.task import Task
from tandem.quality.calibration.calibration import LabelCalibration
from tandem.quality.label_sets import LABEL_SET, label_set
from tandem.quality.labels import enough_margin
from tandem.records import Attempt

THRESHOLDS: Final = frozenset({"margin", "score"})
"""Gates that ask how sure a model was; all others look at what it wrote."""
_BY_FIELD: Final = "its fields' scores are not in the ledger"
_BY_COST: Final = "what the LLM's call would cost decides, and the ledger holds no prompt"
_ANOTHER: Final = "another calibration would score it: its scores are not in the ledger"
_NO_SCORE: Final = "the ledger holds no score of it"


class Passed(NamedTuple):
    """Whether an attempt leaves. `only_unsure`: it lacks nothing but a score. `then_slm`: whether
    the SLM is asked where a head does not pass; None: as it was logged. `unknown` says why none of
    it can be told."""

    accepted: bool
    only_unsure: bool = False
    then_slm: bool | None = None
    unknown: str = ""


@dataclass(frozen=True)
class Gates:
    """The gates of one task under the new settings.

    Parameters
    ----------
    old, new: the task as either settings make it.
    """

    changes: Changes
    old: Task
    new: Task
    _sets: dict[float, tuple[str, ...]] = field(default_factory=dict)
    _plans: dict[Any, Plan | None] = field(default_factory=dict)

    def passes(self, run: LoggedRun, attempt: LoggedAttempt, quality: float | None) -> Passed:
        """Whether `attempt` of `run` leaves where `quality` is asked."""
        logged = Passed(bool(attempt.accepted), set(attempt.failed) == {"score"})
        hard = set(attempt.failed) - THRESHOLDS or attempt.error_code
        if hard or attempt.tier == "llm" or attempt.accepted is None:
            return logged
        if quality == run.quality and not self.changes.touches(*_gating(run.task)):
            return logged
        if isinstance(self.new, LabelTask):
            return self._label(run, attempt, quality, logged)
        return self._scored(attempt, quality)

    def _label(
        self, run: LoggedRun, attempt: LoggedAttempt, quality: float | None, logged: Passed
    ) -> Passed:
        if attempt.tier not in ("head", "slm"):
            return logged
        labels = self._labels(attempt)
        if labels is None:
            return self._unscored(attempt, logged)
        before = self._plan(self.old, labels, run.quality)
        after = self._plan(self.new, labels, quality)
        if after is None or not _same_file(before, after, run):
            return Passed(False, unknown=_ANOTHER)
        return self._by_plan(attempt, after)

    def _unscored(self, attempt: LoggedAttempt, logged: Passed) -> Passed:
        """An attempt that no calibration scored, of labels that the ledger does not hold."""
        if self.changes.touches("calibration.dir", "calibration.shipped"):
            return Passed(False, unknown=_ANOTHER)
        if "score" not in attempt.failed:
            return self._by_margin(attempt)
        if self.changes.touches(f"tasks.{self.new.name}.escalation"):
            return Passed(False, unknown=_NO_SCORE)
        return logged

    def _by_plan(self, attempt: LoggedAttempt, plan: Plan) -> Passed:
        accepting = plan.accepting
        if accepting is None:
            return Passed(False, unknown=_ANOTHER)
        if accepting.rules.escalation == "cost" and accepting.gain_is_known:
            return Passed(False, unknown=_BY_COST)
        failed = accepting.failed(_as_attempt(attempt))
        if failed is None:
            return self._by_margin(attempt)
        then_slm = plan.then_slm() if attempt.tier == "head" else None
        return Passed(not failed, bool(failed), then_slm)

    def _by_margin(self, attempt: LoggedAttempt) -> Passed:
        minimum = self.new.min_margin if isinstance(self.new, LabelTask) else 0.0
        return Passed(not enough_margin(attempt.signals, minimum))

    def _scored(self, attempt: LoggedAttempt, quality: float | None) -> Passed:
        if any(isinstance(layer, ScoredFieldsTask) for layer in layers(self.new)):
            return Passed(False, unknown=_BY_FIELD)
        layer = next((one for one in layers(self.new) if isinstance(one, ScoredTask)), None)
        if layer is None or attempt.tier != "slm":
            return Passed(True)  # no gate that looks at what it wrote refused it
        if layer.note or layer.rules.escalation != "guarantee":
            return Passed(True)
        if is_second_try(_as_attempt(attempt)):
            return Passed(False, True)
        promise = layer.made.promise(quality or layer.rules.target)
        if promise is None or promise.threshold is None:
            return Passed(False, True)
        accepted = layer.made.score(attempt.signals) >= promise.threshold
        return Passed(bool(accepted), not accepted)

    def _labels(self, attempt: LoggedAttempt) -> tuple[str, ...] | None:
        """The label set of an attempt that a calibration scored; None: none did."""
        if LABEL_SET not in attempt.signals:
            return None
        if not self._sets:
            for settings in (self.changes.old, self.changes.new):
                for labels in _label_sets(settings, self.new.name):
                    self._sets[label_set(labels)] = labels
        return self._sets.get(attempt.signals[LABEL_SET], ())

    def _plan(self, task: Task, labels: tuple[str, ...], quality: float | None) -> Plan | None:
        if not labels or not isinstance(task, LabelTask) or task.calibrated is None:
            return None
        key = (task is self.new, labels, quality)
        if key not in self._plans:
            prepared = {"text": "", "labels": list(labels), "quality": quality}
            self._plans[key] = task.calibrated.plan(prepared, task.prompt_sum)
        return self._plans[key]


def _gating(task: str) -> tuple[str, ...]:
    """The settings that decide whether an answer of `task` leaves."""
    keys = ("min_margin", "quality", "escalation", "error_price")
    return (*(f"tasks.{task}.{key}" for key in keys), "calibration.*")


def _label_sets(settings: Any, task: str) -> list[tuple[str, ...]]:
    found = []
    for folder in calibrations(settings).folders:
        for path in sorted(folder.glob(f"{task}-*.json")):
            try:
                found.append(LabelCalibration.from_json(path.read_text(encoding="utf-8")).labels)
            except (OSError, ValueError):
                continue  # of another kind, or one that is not used either
    return found


def _same_file(before: Plan | None, after: Plan, run: LoggedRun) -> bool:
    """Whether one calibration scored the run and would do so again."""
    if before is None or before.made is None or after.made is None:
        return False
    if before.made.card != after.made.card:
        return False
    try:
        made = datetime.fromisoformat(str(before.made.card.get("made")))
    except ValueError:
        return True
    return made.timestamp() <= run.started


def _as_attempt(attempt: LoggedAttempt) -> Attempt:
    """What a threshold looks at: who made it, and its signals."""
    tier: Literal["slm", "head"] = "head" if attempt.tier == "head" else "slm"
    return {
        "id": "",
        "purpose": "answer",
        "tier": tier,
        "model": attempt.model,
        "output": attempt.output,
        "text": "",
        "finish": "stop",
        "usage": {
            "input_tokens": attempt.input_tokens,
            "output_tokens": attempt.output_tokens,
        },
        "calls": attempt.calls,
        "seconds": attempt.seconds,
        "cost": attempt.cost,
        "signals": dict(attempt.signals),
        "error": None,
    }
