"""Who may answer a task: models of the settings, a head trained on labelled rows, the adapter in
force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tandem.errors import InvalidRequest
from tandem.nodes.labels import LabelTask
from tandem.nodes.task import Task
from tandem.nodes.tuned import asked_labels
from tandem.records import TierName
from tandem.services import Services
from tandem.settings import Settings, TaskSettings, Tiers, TierSettings

HEAD: Final = "head"
ADAPTER: Final = "adapter"


@dataclass(frozen=True)
class Candidate:
    """One of those who may answer.

    Parameters
    ----------
    name: the model's name in the settings, `head`, or the adapter's name.
    model: the model that answers; empty for a head.
    tier: as which it is asked, and would be used.
    """

    name: str
    kind: Literal["model", "head", "adapter"]
    model: str = ""
    tier: TierName = "slm"


def candidates(
    services: Services, task: Task, names: Sequence[str], labels: Sequence[str] = ()
) -> list[Candidate]:
    """The candidates of these names; without names all that could answer: the models of both tiers,
    of a label task a head, and the adapter in force.

    Raises
    ------
    InvalidRequest: a name is unknown, given twice, or does not apply to the task.
    """
    if len(set(names)) < len(names):
        raise InvalidRequest("A candidate is named twice.", "Name each one once.")
    settings = services.settings
    adapter = _adapter(services, task, labels)
    if not names:
        chains = (*settings.chain("slm", task.name), *settings.chain("llm", task.name))
        names = [*dict.fromkeys(chains)]
        if labels:
            names += [HEAD]
        if adapter is not None:
            names += [adapter.name]
    return [_candidate(settings, task, name, adapter, labels) for name in names]


def settings_for(settings: Settings, candidate: Candidate, task: str) -> Settings:
    """The settings under which the candidate alone answers `task`: no other stands in for it."""
    alone = TierSettings(model=candidate.model)
    own = settings.tasks.get(task, TaskSettings())
    tasks = {**settings.tasks, task: own.model_copy(update={"slm": "", "llm": ""})}
    return settings.model_copy(update={"tiers": Tiers(slm=alone, llm=alone), "tasks": tasks})


def _candidate(
    settings: Settings,
    task: Task,
    name: str,
    adapter: Candidate | None,
    labels: Sequence[str],
) -> Candidate:
    if adapter is not None and name in (ADAPTER, adapter.name):
        return adapter
    if name in settings.models:
        is_llm = name in settings.chain("llm", task.name)
        by_slm = name in settings.chain("slm", task.name)
        return Candidate(name, "model", name, "llm" if is_llm and not by_slm else "slm")
    if name == HEAD and labels:
        return Candidate(HEAD, "head")
    if name == HEAD:
        raise InvalidRequest(
            f"{task.name} has no labels, so that no head can answer it.", "Leave `head` out."
        )
    if name == ADAPTER:
        raise InvalidRequest(
            f"No adapter is in force for {task.name} with these labels.",
            "`tandem adapters list` shows those that there are.",
        )
    known = ", ".join([*sorted(settings.models), *([HEAD] if labels else [])])
    raise InvalidRequest(
        f"{name!r} is no candidate for {task.name}; nothing was asked.",
        f"Candidates: {known}{f', {adapter.name}' if adapter else ''}.",
    )


def _adapter(services: Services, task: Task, labels: Sequence[str]) -> Candidate | None:
    if not isinstance(task, LabelTask) or not labels:
        return None
    card = services.adapter(task.name, asked_labels(labels))
    if card is None:
        return None
    return Candidate(card.name, "adapter", services.settings.chain("slm", task.name)[0])
