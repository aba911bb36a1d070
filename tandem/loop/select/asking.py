"""Every candidate is asked the same rows, one after the other, behind the guard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tandem.errors import EgressBlocked, ModelError, TandemError, from_info
from tandem.graphs.tasks import Tasks
from tandem.loop.calibrate_signals import KnownRow
from tandem.loop.measuring import OF_THE_ROW, Progress, profile_of
from tandem.loop.select.candidates import Candidate, settings_for
from tandem.loop.select.rows import Rows
from tandem.models.embeddings import embed_all
from tandem.models.tier import CallContext
from tandem.nodes.extract import Extract
from tandem.nodes.labels import LabelTask
from tandem.nodes.run_task import attempted
from tandem.nodes.shadow import layers
from tandem.nodes.task import Task
from tandem.quality.calibration.head import fit_head
from tandem.records import Attempt
from tandem.services import Services
from tandem.settings import Settings


@dataclass
class Said:
    """What a candidate said of the rows to judge by.

    Parameters
    ----------
    right: by row; a row that it could not answer is not right.
    blocked: rows that the guard let not leave; failed: rows that it could not answer otherwise.
    cost, seconds: of each row that was answered; money in the settings' currency.
    why_not: why it was not judged at all; empty: it was.
    """

    candidate: Candidate
    right: list[bool] = field(default_factory=list)
    blocked: int = 0
    failed: int = 0
    cost: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    why_not: str = ""


@dataclass(frozen=True)
class Asking:
    """Asks candidates.

    Parameters
    ----------
    services_of: services over other settings, whose answers may be kept. services: for the head's
        embeddings.
    """

    services: Services
    services_of: Callable[[Settings], Services]
    rows: Rows
    progress: Progress = lambda _what, _done, _of: None

    def __call__(self, candidate: Candidate) -> Said:
        """What `candidate` says. One that cannot be asked is told of, and the others go on."""
        try:
            return self._by_head(candidate) if candidate.kind == "head" else self._asked(candidate)
        except ModelError as error:
            return Said(candidate, why_not=str(error))

    def _asked(self, candidate: Candidate) -> Said:
        alone = settings_for(self.services.settings, candidate, self.rows.task)
        services, said = self.services_of(alone), Said(candidate)
        try:
            task = plain(Tasks(services)[self.rows.task], adapter=candidate.kind == "adapter")
            for done, row in enumerate(self.rows.judge, start=1):
                _count(said, self._attempt(services, task, candidate, row), row, self.rows)
                self.progress(candidate.name, done, len(self.rows.judge))
        finally:
            services.close()
        return said

    def _attempt(
        self, services: Services, task: Task, candidate: Candidate, row: KnownRow
    ) -> Attempt:
        profile = profile_of(services, task.name, row.request)
        deadline = time.time() + services.settings.limits.deadline_s
        context = CallContext(profile=profile, deadline=deadline, task=task.name)
        call = services.tier(candidate.tier, task.name).bind(context)
        prepared = task.prepare(row.request, profile)
        attempt = attempted(call, lambda: task.attempt(prepared, call))
        error = attempt["error"]
        if error is not None and error["code"] not in OF_THE_ROW:
            raised: TandemError = from_info(error)
            raise raised if isinstance(raised, ModelError) else ModelError(str(raised))
        return attempt

    def _by_head(self, candidate: Candidate) -> Said:
        rows, said = self.rows, Said(candidate)
        at = {label: number for number, label in enumerate(rows.labels)}
        learnt = np.array([at[str(row.expected)] for row in rows.learn], dtype=np.int64)
        if len(set(learnt.tolist())) < len(rows.labels):
            said.why_not = (
                f"the {len(rows.learn)} rows that it would learn from lack some of the "
                f"{len(rows.labels)} labels"
            )
            return said
        texts = _texts(rows.learn)
        vectors = embed_all(self.services.embeddings, texts)
        head = fit_head(texts, vectors, learnt, len(rows.labels)).head
        for done, row in enumerate(rows.judge, start=1):
            began = time.perf_counter()
            text = row.request["text"]
            vector = embed_all(self.services.embeddings, [text])[0]
            guess = head(text, vector)
            said.seconds.append(time.perf_counter() - began)
            said.cost.append(0.0)
            said.right.append(rows.labels[guess.label] == row.expected)
            self.progress(candidate.name, done, len(rows.judge))
        return said


def plain(task: Task, *, adapter: bool = False) -> Task:
    """The task without what a calibration would add, and the adapter only where it is wanted."""
    inner: Task = [*layers(task)][-1]
    if isinstance(inner, Extract):
        return replace(inner, adapter=inner.adapter if adapter else None)
    if not isinstance(inner, LabelTask):
        return inner
    return replace(inner, calibrated=None, adapter=inner.adapter if adapter else None)


def _count(said: Said, attempt: Attempt, row: KnownRow, rows: Rows) -> None:
    error = attempt["error"]
    if error is not None:
        said.blocked += error["code"] == EgressBlocked.code
        said.failed += error["code"] != EgressBlocked.code
        said.right.append(False)
        return
    said.cost.append(attempt["cost"])
    said.seconds.append(attempt["seconds"])
    said.right.append(rows.right(attempt["output"], row))


def _texts(rows: Sequence[KnownRow]) -> list[str]:
    return [row.request["text"] for row in rows]
