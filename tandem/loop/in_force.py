"""Which calibrations there are, and what each promises with the models and prompts of today."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tandem.graphs.tasks import calibrations
from tandem.loop.drift_records import Shipped
from tandem.models.identity import tier_identity
from tandem.nodes.calibrated import CalibratedLabels, Plan
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.labels import LabelTask
from tandem.nodes.scored import ScoredTask
from tandem.nodes.shadow import layers
from tandem.nodes.task import Task
from tandem.quality.calibration.calibration import LabelCalibration
from tandem.quality.calibration.signal_calibration import SignalCalibration
from tandem.quality.calibration.store import SHIPPED
from tandem.quality.calibration.threshold import HEAD_ANSWERED, NO_LLM, Promise
from tandem.services import Services
from tandem.settings import Escalation
from tandem.stats import wilson

log = logging.getLogger(__name__)
LOCAL: Final = ("head", "slm")
RULE: Final = "rule"
LEAST_COMPARED: Final = 20
"""Fewer of the LLM's answers say nothing of how often it is right."""

LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class InForce:
    """A calibration as it is used today.

    Parameters
    ----------
    labels: empty for a task without labels.
    promise: the one in force; None: there is none.
    promised: whether there would be one, did everything still fit.
    notes: what does not fit any more, in words.
    scores: the score distributions of its card; see tandem/loop/sketch.py.
    followed: False where only its fingerprint can be looked at.
    shipped: whether it came with Tandem, asked for or not.
    data: the rows that it was made of, by its card. file: where it lies.
    certified: the targets for which it certifies a threshold, whatever is asked.
    who: which answers the promise speaks of, in words.
    llm_right: the least share of right answers that the LLM may have where the promise accepts
        without it (lower end of the 95 % interval on such test rows); None: it was not measured on
        enough of them, or is another LLM or prompt now.
    """

    task: str
    labels: tuple[str, ...] = ()
    made: datetime = LONG_AGO
    target: float = 0.9
    promise: Promise | None = None
    promised: bool = False
    notes: tuple[str, ...] = ()
    escalation: Escalation = "guarantee"
    scores: Mapping[str, Any] = field(default_factory=dict)
    llm_right: float | None = None
    followed: bool = True
    shipped: bool = False
    data: str = ""
    file: str = ""
    certified: tuple[float, ...] = ()
    who: str = NO_LLM

    @property
    def stages(self) -> tuple[str, ...]:
        """Whose answers the promise speaks of. A task's own rule has the SLM's part: its answers
        are scored and certified with the SLM's."""
        stages = self.promise.stages if self.promise else LOCAL
        return (*stages, RULE) if "slm" in stages else stages


def in_force(services: Services, tasks: Mapping[str, Task]) -> list[InForce]:
    """Every calibration that the settings make Tandem look for, by task and label set."""
    folders = calibrations(services.settings).folders
    return [
        replace(found, shipped=path.parent == SHIPPED, file=str(path))
        for path in _files(folders)
        if (found := _read(path, services, tasks))
    ]


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    """Files by name; the first folder's goes before another's of the same name."""
    by_name = {path.name: path for folder in reversed(folders) for path in folder.glob("*.json")}
    for name in sorted(by_name):
        yield by_name[name]


def _read(path: Path, services: Services, tasks: Mapping[str, Task]) -> InForce | None:
    try:
        text = path.read_text(encoding="utf-8")
        if (told := _of_fields(text)) is not None:
            return _by_fields(told, services, tasks)
        made = _parsed(text)
    except (OSError, ValueError) as error:
        name = path.stem.rpartition("-")[0] or path.stem
        return InForce(name, promised=True, notes=(f"{path.name} cannot be used: {error}",))
    task = tasks.get(made.task)
    if isinstance(made, LabelCalibration) and isinstance(task, LabelTask) and task.calibrated:
        return _of_labels(made, task, task.calibrated)
    for layer in layers(task) if task else ():
        if isinstance(made, SignalCalibration) and isinstance(layer, ScoredTask):
            return _of_signals(layer)
    log.info("%s is of a task that is not among these: %s", path.name, made.task)
    return None


def _parsed(text: str) -> LabelCalibration | SignalCalibration:
    try:
        return LabelCalibration.from_json(text)
    except ValueError:
        return SignalCalibration.from_json(text)


def _of_fields(text: str) -> dict[str, Any] | None:
    """A calibration by fields; None: it is of another kind. Raises ValueError: it is no JSON."""
    told = json.loads(text)
    known = isinstance(told, dict) and {"fields", "task", "identity", "prompt", "card"} <= set(told)
    return told if known else None


def _by_fields(
    told: Mapping[str, Any], services: Services, tasks: Mapping[str, Task]
) -> InForce | None:
    task = tasks.get(str(told["task"]))
    if task is None:
        return None
    notes = []
    if told["identity"] != tier_identity(services.settings, "slm", task.name):
        notes.append("the calibration of fields was made with another SLM")
    if told["prompt"] != source_sum([*layers(task)][-1]):
        notes.append("the calibration of fields was made with another prompt")
    made = told["card"].get("made") if isinstance(told["card"], Mapping) else None
    return InForce(
        task.name, made=_moment(made), promised=bool(notes), notes=tuple(notes), followed=False
    )


def _of_labels(made: LabelCalibration, task: LabelTask, own: CalibratedLabels) -> InForce:
    prepared = {"text": "", "labels": list(made.labels), "quality": None}
    plan = own.plan(prepared, task.prompt_sum)
    return InForce(
        task=made.task,
        labels=made.labels,
        made=_moment(made.card.get("made")),
        target=own.rules.target,
        promise=plan.promise if plan else None,
        promised=made.promise(own.rules.target, LOCAL) is not None,
        notes=plan.notes if plan else (),
        data=str(made.card.get("data", "")),
        certified=_certified(made.promises),
        who=HEAD_ANSWERED if plan and plan.notes else NO_LLM,
        escalation=own.rules.escalation,
        scores=made.card.get("scores") or {},
        llm_right=_llm_right(made, plan) if plan else None,
    )


def _of_signals(task: ScoredTask) -> InForce:
    promise = task.made.promise(task.rules.target)
    return InForce(
        task=task.name,
        made=_moment(task.made.card.get("made")),
        target=task.rules.target,
        promise=None if task.note else promise,
        promised=promise is not None,
        notes=(task.note,) if task.note else (),
        data=str(task.made.card.get("data", "")),
        certified=_certified(task.made.promises),
        escalation=task.rules.escalation,
        scores=task.made.card.get("scores") or {},
    )


def shipped_and_unused(
    found: Sequence[InForce], checked: Collection[tuple[str, tuple[str, ...]]]
) -> list[Shipped]:
    """The calibrations that came with Tandem and whose task and labels are not in `checked`."""
    return [
        Shipped(
            task=one.task,
            labels=list(one.labels),
            data=one.data,
            promise=one.promise.words(one.task, one.who) if one.promise else None,
            notes=list(one.notes),
        )
        for one in found
        if one.shipped and (one.task, one.labels) not in checked
    ]


def _certified(promises: Sequence[Promise]) -> tuple[float, ...]:
    return tuple(sorted({one.target for one in promises if one.threshold is not None}))


def _llm_right(made: LabelCalibration, plan: Plan) -> float | None:
    """Of the test rows that the promise in force accepts: the shadow's are such rows too."""
    promise = plan.promise
    if made.llm is None or plan.llm_note or promise is None:
        return None
    for target, stages, right, rows in made.card.get("llm_where_accepted") or ():
        if (target, tuple(stages)) == (promise.target, promise.stages) and rows >= LEAST_COMPARED:
            return wilson(right, rows).low
    return None


def _moment(told: Any) -> datetime:
    """When it was made; long ago where the card does not say."""
    try:
        made = datetime.fromisoformat(str(told))
    except ValueError:
        return LONG_AGO
    return made if made.tzinfo else made.replace(tzinfo=UTC)
