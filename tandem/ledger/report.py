"""What a ledger's runs came to: acceptance, escalation, cost against all-LLM, latency.

A sub-run of an agent is part of its parent's run: it adds its attempts (cost, tokens, calls, gates)
to the parent's task, and no run of its own. What a run cost is the sum of its attempts, rejected
ones included; what all-LLM would have cost is the parent's own figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from typing_extensions import TypedDict

from tandem.ledger.figures import Sum, TaskReport
from tandem.ledger.shadow import ShadowReport, shadow_report
from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, runs, shadow

UNKNOWN_TASK: Final = "unknown"
"""Runs that ended before their task was known."""
_CHUNK: Final = 2000


class Report(TypedDict):
    """JSON-plain. `since` and `until` are ISO 8601."""

    ledger: str
    currency: str
    other_currencies: list[str]
    """Currencies of runs whose money is left out of every sum."""
    since: str | None
    until: str | None
    task: str | None
    tenant: str | None
    total: TaskReport
    tasks: list[TaskReport]
    shadow: list[ShadowReport]
    """By task, what the LLM said of answers that were accepted without it; its cost is in no other
    figure."""


def report(
    ledger: Ledger,
    since: datetime | None = None,
    until: datetime | None = None,
    task: str | None = None,
    tenant: str | None = None,
) -> Report:
    """The figures of runs that started from `since` up to `until` (aware, or local time).

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    sums = _Sums(ledger.currency)
    wanted = _wanted(since, until, task, tenant)
    for row in _rows(ledger, _runs_query(wanted)):
        sums.add_run(row)
    for row in _rows(ledger, _attempts_query(wanted)):
        sums.add_attempt(row)
    return {
        "ledger": ledger.where,
        "currency": ledger.currency,
        "other_currencies": sorted(sums.other_currencies),
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "task": task,
        "tenant": tenant,
        "total": sums.total.told("total"),
        "tasks": [sums.tasks[name].told(name) for name in sorted(sums.tasks)],
        "shadow": _shadows(ledger, wanted),
    }


def _shadows(ledger: Ledger, wanted: Sequence[ColumnElement[bool]]) -> list[ShadowReport]:
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(ledger, _shadow_query(wanted)):
        by_task.setdefault(row["task"], []).append(row)
    return [shadow_report(task, by_task[task], ledger.currency) for task in sorted(by_task)]


@dataclass
class _Sums:
    """The total's sums and each task's."""

    currency: str
    total: Sum = field(default_factory=Sum)
    tasks: dict[str, Sum] = field(default_factory=dict)
    other_currencies: set[str] = field(default_factory=set)

    def add_run(self, row: dict[str, Any]) -> None:
        for line in self._lines(row):
            line.add_run(row, self._is_ours(row))

    def add_attempt(self, row: dict[str, Any]) -> None:
        for line in self._lines(row):
            line.add_attempt(row, self._is_ours(row))

    def _lines(self, row: dict[str, Any]) -> tuple[Sum, Sum]:
        return self.total, self.tasks.setdefault(row["root_task"] or UNKNOWN_TASK, Sum())

    def _is_ours(self, row: dict[str, Any]) -> bool:
        if row["currency"] != self.currency:
            self.other_currencies.add(row["currency"])
        return bool(row["currency"] == self.currency)


_root = runs.alias("root")
_WITH_ROOT = runs.outerjoin(_root, runs.c.parent_run_id == _root.c.id)
"""Each run with the run that it is part of; where that one is not here, it stands for itself."""


def _of_root(name: str) -> ColumnElement[Any]:
    return func.coalesce(_root.c[name], runs.c[name])


def _wanted(
    since: datetime | None, until: datetime | None, task: str | None, tenant: str | None
) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(_of_root("started") >= since.timestamp())
    if until is not None:
        wanted.append(_of_root("started") < until.timestamp())
    if task is not None:
        wanted.append(_of_root("task") == ("" if task == UNKNOWN_TASK else task))
    if tenant is not None:
        wanted.append(_of_root("tenant") == tenant)
    return wanted


def _tried_on(*tiers: str) -> ColumnElement[bool]:
    """Whether the run had an attempt at its task on one of `tiers`; reading the task is none."""
    of_run = attempts.c.run_id == runs.c.id
    at_task = or_(attempts.c.purpose != "classify", attempts.c.purpose.is_(None))
    return exists().where(of_run, at_task, attempts.c.tier.in_(tiers))


def _runs_query(wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    names = ("status", "tier", "seconds", "error_code", "currency")
    columns = [runs.c[name] for name in (*names, "all_llm_cost", "all_llm_estimated")]
    return (
        select(
            *columns,
            _of_root("task").label("root_task"),
            _root.c.id.is_not(None).label("is_sub"),
            _tried_on("head", "slm").label("by_local"),
            _tried_on("llm").label("by_llm"),
        )
        .select_from(_WITH_ROOT)
        .where(*wanted)
    )


def _attempts_query(wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    names = ("tier", "calls", "input_tokens", "output_tokens", "cost", "failed")
    return (
        select(
            *(attempts.c[name] for name in names),
            runs.c.currency,
            _of_root("task").label("root_task"),
            _of_root("finished").label("finished"),
        )
        .select_from(_WITH_ROOT.join(attempts, attempts.c.run_id == runs.c.id))
        .where(*wanted)
    )


def _shadow_query(wanted: Sequence[ColumnElement[bool]]) -> Select[Any]:
    names = ("agreed", "probability", "cost", "currency", "error_code")
    return (
        select(*(shadow.c[name] for name in names), runs.c.task)
        .select_from(_WITH_ROOT.join(shadow, shadow.c.run_id == runs.c.id))
        .where(*wanted)
    )


def _rows(ledger: Ledger, query: Select[Any]) -> Iterator[dict[str, Any]]:
    with ledger.reading() as connection:
        streamed = connection.execution_options(yield_per=_CHUNK).execute(query)
        for row in streamed.mappings():
            yield dict(row)
