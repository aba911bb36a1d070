"""The tasks of a graph: those that ship, those of installed packages, those of the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import entry_points
from typing import Final

from tandem.nodes.answer_faq import AnswerFaq
from tandem.nodes.draft import Draft
from tandem.nodes.reason import Reason
from tandem.nodes.support_reply import SupportReply

from tandem.errors import SettingsError
from tandem.nodes.agent_task import Agent
from tandem.nodes.classify_document import ClassifyDocument
from tandem.nodes.extract import Extract
from tandem.nodes.sentiment import Sentiment
from tandem.nodes.task import Task
from tandem.services import Services

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


class Tasks(Mapping[str, Task]):
    """Tasks by name; the shipped ones are built on first use, since they need the settings."""

    def __init__(self, services: Services, own: Sequence[Task] = ()) -> None:
        self._services = services
        self.own: Final = tuple(own) or _installed(services)

    @cached_property
    def _by_name(self) -> dict[str, Task]:
        shipped = _shipped(self._services)
        for task in self.own:
            if task.name in shipped:
                raise SettingsError(f"The task name {task.name!r} is taken.", "Choose another.")
            shipped[task.name] = task
        return shipped

    def __getitem__(self, name: str) -> Task:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def _shipped(services: Services) -> dict[str, Task]:
    settings, read = services.settings, services.document_text
    knowledge, margins = settings.knowledge, settings.tasks
    tasks: list[Task] = [
        Extract(read=read),
        Sentiment(),
        ClassifyDocument(),
        AnswerFaq(),
        SupportReply(),
        Draft(),
        *(Reason(name=name) for name in ("reasoning", "longform", "contract_review", "research")),
        Agent(),
    ]
    return {task.name: task for task in tasks}


def _installed(services: Services) -> tuple[Task, ...]:
    return tuple(point.load()(services) for point in entry_points(group=ENTRY_POINTS))
