"""The runs of a ledger as a replay reads them: each with its attempts, its feedback and its shadow.

Sub-runs of an agent stand beside the run that they belong to. Nothing of a request is read but
where its text is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select

from tandem.ledger.report import UNKNOWN_TASK
from tandem.ledger.store import RUNNING, Ledger
from tandem.ledger.tables import attempts, feedback, runs, shadow
from tandem.records import Request

_CHUNK: Final = 2000
_NO_STEP: Final = frozenset({"answer", "classify"})
_BUDGET: Final = "today's budget "
"""How the reason begins that names a budget; see tandem/routing/budgets.py."""


@dataclass(frozen=True)
class LoggedAttempt:
    """One attempt; money in the run's currency, seconds as they were measured."""

    purpose: str
    tier: str
    model: str
    input_tokens: int
    output_tokens: int
    calls: int
    seconds: float
    cost: float
    signals: Mapping[str, float]
    error_code: str | None
    accepted: bool | None
    failed: tuple[str, ...]
    """The gates that it did not pass."""
    output: Any


@dataclass(frozen=True)
class LoggedRun:
    """A run that ended, or still runs. `task` is the run's own, `root_task` its parent's."""

    id: str
    parent_id: str | None
    task: str
    root_task: str
    started: float
    status: str
    tenant: str
    sensitivity: str
    latency: str
    complexity: float | None
    quality: float | None
    deadline_ms: int | None
    node: str
    first_tier: str | None
    may_escalate: bool | None
    reasons: tuple[str, ...]
    tier: str | None
    seconds: float | None
    error_code: str | None
    currency: str
    kept: bool
    """Whether the ledger holds its request."""
    attempts: tuple[LoggedAttempt, ...] = ()
    correct: bool | None = None
    """What people said of its answer; None: nothing."""
    shadow: Mapping[str, Any] | None = field(default=None)

    @property
    def ended(self) -> bool:
        """Whether it is over: others have no answer yet, or their process was killed."""
        return self.status not in (RUNNING, "waiting")

    @property
    def answers(self) -> tuple[LoggedAttempt, ...]:
        """Its attempts at the task."""
        return tuple(each for each in self.attempts if each.purpose == "answer")

    @property
    def in_steps(self) -> bool:
        """Whether it planned or acted: what later steps had before them came of earlier ones."""
        return any(each.purpose not in _NO_STEP for each in self.attempts)

    @property
    def cost(self) -> float:
        """Of all its attempts."""
        return sum(each.cost for each in self.attempts)

    @property
    def budget_told(self) -> bool:
        """Whether a spent budget is among its reasons."""
        return any(reason.startswith(_BUDGET) for reason in self.reasons)


@dataclass(frozen=True)
class Window:
    """Which runs are looked at; None: all. Sub-runs go with their parents."""

    since: datetime | None = None
    until: datetime | None = None
    task: str | None = None
    tenant: str | None = None

    def holds(self, run: LoggedRun) -> bool:
        """Whether a run of no parent is looked at."""
        return (
            (self.since is None or run.started >= self.since.timestamp())
            and (self.until is None or run.started < self.until.timestamp())
            and (self.task is None or run.root_task == self.task)
            and (self.tenant is None or run.tenant == self.tenant)
        )


_root = runs.alias("root")
_WITH_ROOT = runs.outerjoin(_root, runs.c.parent_run_id == _root.c.id)


def logged_runs(ledger: Ledger, window: Window) -> Iterator[LoggedRun]:
    """The runs of `window`, by when they started.

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    wanted = _wanted(window)
    tries = _by_run(_rows(ledger, _attempts_query(wanted)))
    found = next(tries, None)
    for row in _rows(ledger, _runs_query(wanted)):
        own: Sequence[Mapping[str, Any]] = ()
        if found is not None and found[0] == row["id"]:
            own, found = found[1], next(tries, None)
        yield _run(row, own)


def request_of(ledger: Ledger, run_id: str) -> Request | None:
    """The request of a run, where the ledger keeps it."""
    with ledger.reading() as connection:
        found: Request | None = connection.execute(
            select(runs.c.request).where(runs.c.id == run_id)
        ).scalar()
    return found


def _of_root(name: str) -> ColumnElement[Any]:
    return func.coalesce(_root.c[name], runs.c[name])


def _wanted(window: Window) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if window.since is not None:
        wanted.append(_of_root("started") >= window.since.timestamp())
    if window.until is not None:
        wanted.append(_of_root("started") < window.until.timestamp())
    if window.task is not None:
        wanted.append(_of_root("task") == ("" if window.task == UNKNOWN_TASK else window.task))
    if window.tenant is not None:
        wanted.append(_of_root("tenant") == window.tenant)
    return wanted


def _runs_query(wanted: Sequence[ColumnElement[bool]]) -> Any:
    names = (
        "id", "task", "started", "status", "tenant", "sensitivity", "latency", "complexity",
        "quality", "deadline_ms", "node", "first_tier", "may_escalate", "reasons", "tier",
        "seconds", "error_code", "currency",
    )  # fmt: skip
    told = ("probability", "agreed", "cost", "seconds", "ended", "error_code")
    return (
        select(
            *(runs.c[name] for name in names),
            runs.c.request.is_not(None).label("kept"),
            _root.c.id.label("parent_id"),
            _of_root("task").label("root_task"),
            feedback.c.correct,
            *(shadow.c[name].label(f"shadow_{name}") for name in told),
        )
        .select_from(
            _WITH_ROOT.outerjoin(feedback, feedback.c.run_id == runs.c.id).outerjoin(
                shadow, shadow.c.run_id == runs.c.id
            )
        )
        .where(*wanted)
        .order_by(runs.c.started, runs.c.id)
    )


def _attempts_query(wanted: Sequence[ColumnElement[bool]]) -> Any:
    names = (
        "run_id", "purpose", "tier", "model", "input_tokens", "output_tokens", "calls", "seconds",
        "cost", "signals", "error_code", "accepted", "failed", "output",
    )  # fmt: skip
    return (
        select(*(attempts.c[name] for name in names))
        .select_from(_WITH_ROOT.join(attempts, attempts.c.run_id == runs.c.id))
        .where(*wanted)
        .order_by(runs.c.started, runs.c.id, attempts.c.position)
    )


def _rows(ledger: Ledger, query: Any) -> Iterator[dict[str, Any]]:
    with ledger.reading() as connection:
        streamed = connection.execution_options(yield_per=_CHUNK).execute(query)
        for row in streamed.mappings():
            yield dict(row)


def _by_run(rows: Iterator[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for run_id, own in groupby(rows, key=lambda row: str(row["run_id"])):
        yield run_id, list(own)


def _run(row: Mapping[str, Any], tries: Sequence[Mapping[str, Any]]) -> LoggedRun:
    told = {key.removeprefix("shadow_"): row[key] for key in row if key.startswith("shadow_")}
    return LoggedRun(
        id=row["id"],
        parent_id=row["parent_id"],
        task=row["task"],
        root_task=row["root_task"] or UNKNOWN_TASK,
        started=row["started"],
        status=row["status"],
        tenant=row["tenant"] or "",
        sensitivity=row["sensitivity"] or "none",
        latency=row["latency"] or "async",
        complexity=row["complexity"],
        quality=row["quality"],
        deadline_ms=row["deadline_ms"],
        node=row["node"] or "",
        first_tier=row["first_tier"],
        may_escalate=row["may_escalate"],
        reasons=tuple(row["reasons"] or ()),
        tier=row["tier"],
        seconds=row["seconds"],
        error_code=row["error_code"],
        currency=row["currency"],
        kept=row["kept"],
        attempts=tuple(_attempt(each) for each in tries),
        correct=row["correct"],
        shadow=told if told["probability"] is not None else None,
    )


def _attempt(row: Mapping[str, Any]) -> LoggedAttempt:
    return LoggedAttempt(
        purpose=row["purpose"] or "answer",
        tier=row["tier"],
        model=row["model"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        calls=row["calls"],
        seconds=row["seconds"],
        cost=row["cost"],
        signals=row["signals"] or {},
        error_code=row["error_code"],
        accepted=row["accepted"],
        failed=tuple(each["gate"] for each in row["failed"] or ()),
        output=row["output"],
    )
