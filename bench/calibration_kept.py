"""Answers that an evaluation or a calibration kept, for benchmarks that ask no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tandem.errors import ModelError, TandemError
from tandem.evals.cache import AnswerCache
from tandem.evals.loading import load_cases
from tandem.evals.services import CACHE_NAME, EvalServices, unguarded
from tandem.graphs.tasks import Tasks
from tandem.loop.calibrate_signals import KnownRow, Tried
from tandem.loop.measuring import profile_of
from tandem.models.tier import CallContext
from tandem.records import TierName
from tandem.settings import load


class Unasked:
    """A tier's call that only has kept answers."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def complete(self, prompt: object) -> Any:  # noqa: ARG002
        raise ModelError("No answer is kept.", "Run the evaluation first.")


@dataclass(frozen=True)
class KeptTier:
    """A tier that answers nothing new."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def bind(self, context: CallContext) -> Unasked:
        return Unasked(self.inner.bind(context))


class KeptServices(EvalServices):
    """Evaluation services that call no model."""

    def tier(self, name: TierName, task: str = "") -> Any:
        kept: Any = super().tier(name, task)
        return replace(kept, inner=KeptTier(kept.inner))


class Known(NamedTuple):
    """Rows with a kept SLM answer, and by row the LLM's where one is kept."""

    rows: list[KnownRow]
    slm: list[Tried]
    llm: dict[int, Any]
    missing: int


def known(services: KeptServices, suite: str, data: Path) -> Known:
    """The kept answers to a suite's rows."""
    found = Known([], [], {}, 0)
    missing, task = 0, None
    for case in load_cases(suite, data).cases:
        task = Tasks(services)[case["task"]] if task is None else task
        row = KnownRow({**case["request"], "task": case["task"]}, case["expected"])
        slm = answered(services, task, row, "slm")
        if slm is None:
            missing += 1
            continue
        llm = answered(services, task, row, "llm")
        if llm is not None:
            found.llm[len(found.rows)] = llm.attempt["output"]
        found.rows.append(row)
        found.slm.append(slm)
    return found._replace(missing=missing)


def answered(services: KeptServices, task: Any, row: KnownRow, tier: TierName) -> Tried | None:
    """The kept answer of a tier; None: none is kept."""
    profile = profile_of(services, task.name, row.request)
    prepared = task.prepare(row.request, profile)
    context = CallContext(profile=profile, deadline=4e9, task=task.name)
    try:
        attempt = task.attempt(prepared, services.tier(tier, task.name).bind(context))
    except TandemError:
        return None
    return Tried(prepared, attempt, task.check(prepared, attempt))


@contextmanager
def opened(
    settings_file: Path | None,
    kind: type[EvalServices] = KeptServices,
    calibration: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """Services over the kept answers, with a ledger that nobody needs; every text may leave.

    `calibration`: settings of that section that are others here.
    """
    settings = unguarded(load(settings_file) if settings_file else load())
    given = settings.calibration.model_copy(update=calibration or {})
    settings = settings.model_copy(update={"calibration": given})
    with TemporaryDirectory() as scratch:
        cache = AnswerCache(settings.cache_dir / CACHE_NAME)
        services = kind(settings, cache, Path(scratch) / "ledger.sqlite")
        try:
            yield services
        finally:
            services.close()
            cache.close()
