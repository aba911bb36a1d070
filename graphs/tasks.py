"""The tasks of a graph: those that ship, those of installed packages, those of the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from tandem.errors import SettingsError
from tandem.graphs.contract import contract_review
from tandem.graphs.scoring import Scoring
from tandem.models.embeddings import fingerprint_of
from tandem.models.identity import tier_identity
from tandem.nodes.agent.task import Agent
from tandem.nodes.answer_faq import AnswerFaq
from tandem.nodes.calibrated import CalibratedLabels
from tandem.nodes.classify_document import ClassifyDocument
from tandem.nodes.draft import Draft
from tandem.nodes.extract import Extract
from tandem.nodes.label_acceptance import Rules
from tandem.nodes.longform.task import longform
from tandem.nodes.reason import Reason
from tandem.nodes.research.task import Research
from tandem.nodes.sentiment import Sentiment
from tandem.nodes.support_reply import SupportReply
from tandem.nodes.task import Task
from tandem.quality.calibration.store import SHIPPED, Calibrations
from tandem.records import TierName
from tandem.routing.policy_check import named_tasks
from tandem.services import Services
from tandem.settings import Settings, TaskSettings

ENTRY_POINTS: Final = "tandem.tasks"
"""A package registers a task as `name = "package.module:make_task"`; `make_task(services)` gives
the Task."""

SLM_NODES: Final = (
    "extract",
    "answer_faq",
    "sentiment",
    "classify_document",
    "draft",
    "support_reply",
)


MESSAGE_SLACK: Final = 0.05
"""A customer's message is longer than a question and says more than one thing, so that its cosine
with the right passage is lower."""


class Tasks(Mapping[str, Task]):
    """Tasks by name; the shipped ones are built on first use, since they need the settings."""

    def __init__(self, services: Services, own: Sequence[Task] = ()) -> None:
        self._services = services
        self.own: Final = (*_installed(services), *own)

    @cached_property
    def _by_name(self) -> dict[str, Task]:
        shipped = _shipped(self._services)
        for task in self.own:
            if task.name in shipped:
                raise SettingsError(f"The task name {task.name!r} is taken.", "Choose another.")
            shipped[task.name] = task
        if unknown := self._services.settings.tasks.keys() - shipped.keys():
            raise SettingsError(
                f"[tasks.{min(unknown)}] names no task.", f"Tasks: {', '.join(sorted(shipped))}."
            )
        for rule in self._services.settings.policy.rules:
            if unheard := named_tasks(rule) - shipped.keys():
                raise SettingsError(
                    f"The policy's rule {rule.name!r} names no task {min(unheard)!r}.",
                    f"Tasks: {', '.join(sorted(shipped))}.",
                )
        return shipped

    @cached_property
    def _scoring(self) -> Scoring:
        settings = self._services.settings
        return Scoring(
            store=calibrations(settings),
            identity=lambda name: tier_identity(settings, "slm", name),
            rules=lambda name: _rules(settings, name),
        )

    @staticmethod
    def known(services: Services) -> set[str]:
        """The names of the shipped and the installed tasks, whatever the settings ask of them."""
        return {*_shipped(services), *(task.name for task in _installed(services))}

    def __getitem__(self, name: str) -> Task:
        task = self._by_name[name]
        return task if any(task is own for own in self.own) else self._scoring(task)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def _shipped(services: Services) -> dict[str, Task]:
    settings, read = services.settings, services.document_text
    top_k, min_score = settings.knowledge.top_k, settings.knowledge.min_score
    tasks: list[Task] = [
        Extract(read=read, adapter=services.adapter),
        Sentiment(
            read=read,
            max_labels=settings.limits.labels,
            calibrated=calibrated(services, "sentiment"),
            adapter=services.adapter,
        ),
        ClassifyDocument(
            read=read,
            max_labels=settings.limits.labels,
            calibrated=calibrated(services, "document_classification"),
            adapter=services.adapter,
        ),
        AnswerFaq(services, top_k, min_score),
        SupportReply(services, top_k, min_score - MESSAGE_SLACK),
        Draft(read=read),
        Reason(read=read),
        Research(services),
        longform(services),
        contract_review(services),
        Agent(),
    ]
    return {task.name: _tuned(task, settings.tasks.get(task.name)) for task in tasks}


def calibrations(settings: Settings) -> Calibrations:
    """The calibrations of these settings."""
    own = settings.path(settings.calibration.dir)
    return Calibrations([own, SHIPPED] if settings.calibration.shipped else [own])


def calibrated(services: Services, task: str) -> CalibratedLabels:
    """What a label task needs to use its calibrations; nothing is loaded yet."""
    settings = services.settings

    def identity(tier: TierName) -> str:
        return tier_identity(settings, tier, task)

    return CalibratedLabels(
        task=task,
        store=calibrations(settings),
        embed=lambda text: services.embeddings.embed_query(text),  # noqa: PLW0108 (built on use)
        embeddings=lambda: fingerprint_of(services.embeddings),
        identity=cache(identity),
        llm_price=lambda usage: services.tier("llm", task).price(usage),
        rules=_rules(settings, task),
    )


def _rules(settings: Settings, task: str) -> Rules:
    own = settings.tasks.get(task) or TaskSettings()
    return Rules(
        escalation=own.escalation or "guarantee",
        target=own.quality or settings.calibration.target,
        error_price=own.error_price or 0.0,
    )


def _tuned(task: Any, own: TaskSettings | None) -> Task:
    """`task` with the limits that the settings give it."""
    known = {field.name for field in fields(task)}
    given = {key: getattr(own, key) for key in ("max_tokens", "min_margin") if own}
    wanted = {key: value for key, value in given.items() if value is not None}
    if unknown := wanted.keys() - known:
        raise SettingsError(
            f"tasks.{task.name}.{min(unknown)} does not apply to this task.", "Remove it."
        )
    if own and own.escalation:
        if "calibrated" not in known:
            raise SettingsError(
                f"tasks.{task.name}.escalation does not apply to this task.", "Remove it."
            )
        if own.escalation == "cost" and not own.error_price:
            raise SettingsError(
                f'tasks.{task.name}.escalation = "cost" weighs errors, and none has a price.',
                f"Set tasks.{task.name}.error_price, in your currency.",
            )
        if own.escalation == "always":
            wanted["first_tier"] = "llm"
    tuned: Task = replace(task, **wanted)
    return tuned


def _installed(services: Services) -> tuple[Task, ...]:
    return tuple(point.load()(services) for point in _points())


@cache
def _points() -> tuple[EntryPoint, ...]:
    """Those of all that is installed: looking takes 40 ms, and nothing is installed meanwhile."""
    return tuple(entry_points(group=ENTRY_POINTS))
