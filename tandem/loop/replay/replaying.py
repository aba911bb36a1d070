"""The replay of a ledger: figures by task, with what is exact, estimated and not identifiable."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from tandem.errors import InvalidRequest
from tandem.graphs.tasks import Tasks
from tandem.ledger.days import DAY_S
from tandem.ledger.store import Ledger
from tandem.loop.replay.changes import Changes, changes
from tandem.loop.replay.estimates import (
    Added,
    Estimate,
    Figure,
    Group,
    estimate,
    exactly,
)
from tandem.loop.replay.following import Followed, Following
from tandem.loop.replay.logged import LoggedRun, Window, logged_runs
from tandem.loop.replay.quality import Fate, changed, quality
from tandem.loop.replay.told import REMEDIES, Replay, TaskReplay, Unknown, known
from tandem.services import Services
from tandem.settings import Settings
from tandem.stats import quantile

TOTAL: Final = "total"


class Replayed(NamedTuple):
    """The figures, and the runs that they are of."""

    figures: Replay
    followed: list[Followed]


def replay(
    ledger: Ledger,
    old: Settings,
    new: Settings,
    window: Window | None = None,
    services_of: Callable[[Settings], Services] = Services,
) -> Replayed:
    """What the runs of `window` would have come to under `new`.

    Nothing is asked, and nothing is written.

    Parameters
    ----------
    old: the settings under which the runs were made, as far as that is known. services_of: the
        services of either settings; only their calibrations and prices are used.

    Raises
    ------
    InvalidRequest: the currencies differ. SettingsError: `new` names tasks or prices that do not
        exist. LedgerError: the ledger cannot be read.
    """
    window = window or Window()
    differing = changes(old, new)
    following = Following(differing, Tasks(services_of(old)), Tasks(services_of(new)))
    every = list(map(following.slimmed, logged_runs(ledger, _whole_days(window, differing))))
    ours = [run for run in every if run.currency == ledger.currency and run.ended]
    wanted = _wanted(every, window)
    followed = [one for one in following.follow(ours) if one.run.id in wanted]
    by_task: dict[str, list[Followed]] = defaultdict(list)
    for one in followed:
        by_task[one.run.root_task].append(one)
    parts = [_Part.of(name, by_task[name], following) for name in sorted(by_task)]
    seen = [run for run in every if run.id in wanted]
    figures: Replay = {
        "ledger": ledger.where,
        "currency": ledger.currency,
        "since": window.since.isoformat() if window.since else None,
        "until": window.until.isoformat() if window.until else None,
        "task": window.task,
        "tenant": window.tenant,
        "changed": list(differing.keys),
        "running": sum(not run.ended for run in seen),
        "other_currencies": _others(seen, ledger.currency),
        "total": _total(parts, followed),
        "tasks": [part.told for part in parts],
        "rerun": [],
    }
    return Replayed(figures, followed)


def refuse_empty(figures: Replay) -> None:
    """Raise InvalidRequest where there is no run to say anything of."""
    if figures["total"]["runs"] or figures["running"] or figures["other_currencies"]:
        return
    chosen = any(figures[key] for key in ("since", "until", "task", "tenant"))
    what = "no run that matches" if chosen else "no runs yet"
    raise InvalidRequest(
        f"The ledger {figures['ledger']} holds {what}, so there is nothing to replay.",
        "`tandem report` shows what it holds; the same --settings must name it.",
    )


def _whole_days(window: Window, differing: Changes) -> Window:
    """What must be read: where a budget bounds a day, all of the day, whoever spent it."""
    if not differing.new.policy.budgets.bounded:
        return window
    since = window.since
    if since is not None:
        midnight = since.timestamp() // DAY_S * DAY_S
        since = datetime.fromtimestamp(midnight, since.tzinfo)
    return Window(since, window.until)


def _wanted(every: Sequence[LoggedRun], window: Window) -> set[str]:
    roots = {run.id for run in every if not run.parent_id and window.holds(run)}
    return roots | {run.id for run in every if run.parent_id in roots}


def _others(runs: Iterable[LoggedRun], currency: str) -> dict[str, int]:
    counted = Counter(run.currency for run in runs if run.currency != currency)
    return dict(sorted(counted.items()))


class _Part(NamedTuple):
    """A task's line, and what the total is made of."""

    told: TaskReplay
    cost: Figure

    @classmethod
    def of(cls, name: str, followed: Sequence[Followed], following: Following) -> _Part:
        """The line of the task `name`."""
        sure = [one for one in followed if one.outcome.kind != "unknown"]
        made = math.fsum(cost for one in sure for cost in one.costs)
        adding = [one for one in sure if one.outcome.adds_llm]
        fixed = [one for one in sure if not one.outcome.adds_llm]
        taken = [_seconds(one) for one in fixed if _timed(one.run)]
        drawn = _drawn(adding, taken, following)
        cost = _summed(made, drawn)
        task = following.task(name)
        roots = [Fate(one.run, one.outcome) for one in followed if not one.run.parent_id]
        p50, p95 = (drawn.p50, drawn.p95) if drawn else _quantiles(taken)
        told = _line(name, followed, cost)
        told |= {
            "changed": changed(roots, task),
            "quality": quality(roots, task, following.may_be_compared),
            "p50": known(p50) if p50 else None,
            "p95": known(p95) if p95 else None,
            "notes": [
                f"{count} attempts: {note}"
                for note, count in sorted(following.price_notes[name].items())
            ],
        }
        return cls(told, cost)


def _drawn(
    adding: Sequence[Followed], fixed: Sequence[float], following: Following
) -> Estimate | None:
    """The calls of the LLM that would be made: they repair, or they begin."""
    groups = []
    for direct in (False, True):
        some = [one for one in adding if one.outcome.direct is direct]
        if some:
            calls = following.suited_calls(some[0].run, some[0].outcome)
            groups.append(Group(calls, [Added(one.base, _seconds(one)) for one in some]))
    return estimate(groups, fixed) if groups else None


def together(figures: Sequence[Figure]) -> Figure:
    """The sum of figures whose errors have nothing to do with each other."""
    value = math.fsum(one.value for one in figures)
    below = math.hypot(*(one.value - one.low for one in figures))
    above = math.hypot(*(one.high - one.value for one in figures))
    return Figure(value, value - below, value + above) if below or above else exactly(value)


def _summed(made: float, drawn: Estimate | None) -> Figure:
    if drawn is None:
        return exactly(made)
    return Figure(*(math.fsum((made, one)) for one in drawn.cost))


def _seconds(one: Followed) -> float:
    """What the run would take without a call that is added."""
    kept = set(one.outcome.kept)
    dropped = [each.seconds for at, each in enumerate(one.run.attempts) if at not in kept]
    return max(0.0, (one.run.seconds or 0.0) - math.fsum(dropped))


def _timed(run: LoggedRun) -> bool:
    return run.seconds is not None and not run.parent_id


def _quantiles(seconds: Sequence[float]) -> tuple[Figure | None, Figure | None]:
    halves, tails = quantile(seconds, 0.5), quantile(seconds, 0.95)
    if halves is None or tails is None:
        return None, None
    return exactly(halves), exactly(tails)


def _line(name: str, followed: Sequence[Followed], cost: Figure) -> TaskReplay:
    roots = [one for one in followed if not one.run.parent_id]
    kinds = Counter(one.outcome.kind for one in roots)
    sure = [one for one in followed if one.outcome.kind != "unknown"]
    then = [one.run.seconds for one in sure if _timed(one.run) and one.run.seconds is not None]
    return {
        "task": name,
        "runs": len(roots),
        "same": kinds["same"],
        "exact": kinds["exact"],
        "estimated": kinds["estimated"],
        "unknown": _unknown(followed),
        "cost_then": math.fsum(each.cost for one in sure for each in one.run.attempts),
        "cost": known(cost),
        "changed": None,
        "quality": None,
        "p50_then": quantile(then, 0.5),
        "p95_then": quantile(then, 0.95),
        "p50": None,
        "p95": None,
        "notes": [],
    }


def _unknown(followed: Sequence[Followed]) -> list[Unknown]:
    counted: dict[tuple[str, str], list[Followed]] = defaultdict(list)
    for one in followed:
        if one.outcome.kind == "unknown":
            counted[one.outcome.words, REMEDIES[one.outcome.why]].append(one)
    found: list[Unknown] = [
        {
            "runs": sum(not one.run.parent_id for one in ones),
            "cost": math.fsum(one.run.cost for one in ones),
            "why": why,
            "remedy": remedy,
        }
        for (why, remedy), ones in counted.items()
    ]
    return sorted(found, key=lambda one: (-one["runs"], one["why"]))


def _total(parts: Sequence[_Part], followed: Sequence[Followed]) -> TaskReplay:
    exact = [part.cost.value for part in parts if part.cost.exact]
    cost = together([exactly(math.fsum(exact)), *(p.cost for p in parts if not p.cost.exact)])
    told = _line(TOTAL, followed, cost)
    if not any(one.outcome.adds_llm for one in followed):
        sure = [one for one in followed if one.outcome.kind != "unknown" and _timed(one.run)]
        p50, p95 = _quantiles([_seconds(one) for one in sure])
        told |= {"p50": known(p50) if p50 else None, "p95": known(p95) if p95 else None}
    return told
