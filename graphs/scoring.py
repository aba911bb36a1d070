"""Tasks without labels under the calibrations that lie in the folders now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tandem.nodes.extract import Extract
from tandem.nodes.label_acceptance import Rules
from tandem.nodes.labels import LabelTask
from tandem.nodes.scored import scored
from tandem.nodes.scored_fields import ScoredFieldsTask
from tandem.nodes.task import Task
from tandem.quality.calibration.store import Calibrations


@dataclass(frozen=True)
class Scoring:
    """Puts tasks under their calibrations over signals, looked up at each use: what is written is
    in force for the next request. (Label tasks look theirs up themselves, by the labels.)

    Parameters
    ----------
    identity: of the SLM of a task today. rules: what the settings say of a task.
    """

    store: Calibrations
    identity: Callable[[str], str]
    rules: Callable[[str], Rules]
    _kept: dict[str, tuple[tuple[Any, ...], Task]] = field(default_factory=dict)

    def __call__(self, task: Task) -> Task:
        """`task`, or `task` under its calibrations where there are any."""
        if isinstance(task, LabelTask):
            return task
        made = self.store.find_signals(task.name)
        fields = self.store.find_fields(task.name) if isinstance(task, Extract) else {}
        if made is None and not fields:
            return task
        found = (task, made, *fields.values())
        kept = self._kept.get(task.name)
        if kept is None or not _same(kept[0], found):
            rules, identity = self.rules(task.name), self.identity(task.name)
            whole = scored(task, made, rules, identity) if made else task
            by_field = ScoredFieldsTask(whole, rules, task, fields, identity)
            kept = self._kept[task.name] = (found, by_field if fields else whole)
        return kept[1]


def _same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether both hold the very same objects; a file that was read anew gives another one."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
