"""Ask a random sample of the runs again, under the new settings, where the ledger alone tells
nothing of them and holds their requests.

Those are never personal or secret ones, so that the sample speaks of the kept requests only. Work
of an agent is not done again: its steps may have effects.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

import numpy as np

from tandem.errors import InvalidRequest, TandemError
from tandem.ledger.store import Ledger
from tandem.loop.replay.estimates import DRAWS, Figure, count_interval, exactly, spread
from tandem.loop.replay.following import Followed
from tandem.loop.replay.logged import LoggedRun, request_of
from tandem.loop.replay.outcome import NOBODY, served_of
from tandem.loop.replay.told import TEXTS, RerunTask, known
from tandem.nodes.shadow import agree, comparable
from tandem.nodes.task import Task
from tandem.records import Answer, Request
from tandem.stats import FEW, SEED, quantile

AGENT: Final = "agent"
Ask = Callable[[Request], Answer]
Progress = Callable[[int, int], None]


class _Asked(NamedTuple):
    """`differs`: None where the outputs cannot be compared."""

    cost: float
    seconds: float
    differs: bool | None
    failed: bool


class Rerunning(NamedTuple):
    """What asking again takes.

    Parameters
    ----------
    ask: answers a request under the new settings. task: by name, under the new settings.
    """

    ledger: Ledger
    ask: Ask
    task: Callable[[str], Task | None]
    progress: Progress = lambda _done, _of: None

    def __call__(self, followed: Sequence[Followed], most: int) -> list[RerunTask]:
        """Ask at most `most` requests again, drawn from all that are kept.

        Raises
        ------
        InvalidRequest: no request is kept of a run of which nothing can be said.
        """
        open_runs = [one.run for one in followed if _is_open(one)]
        kept = [run for run in open_runs if run.kept and run.node != AGENT]
        if open_runs and not kept:
            raise InvalidRequest(
                f"Of {len(open_runs)} runs nothing can be said without asking again, and the "
                "ledger holds the request of none that may be asked.",
                f"{TEXTS[0].upper()}{TEXTS[1:]}.",
            )
        chosen = Random(SEED).sample(kept, min(most, len(kept)))  # noqa: S311 (no secret)
        asked: dict[str, list[_Asked]] = defaultdict(list)
        for done, run in enumerate(chosen, start=1):
            asked[run.task].append(self._again(run))
            self.progress(done, len(chosen))
        return [
            _told(
                name,
                [run for run in open_runs if run.task == name],
                [run for run in kept if run.task == name],
                asked[name],
            )
            for name in sorted(asked)
        ]

    def _again(self, run: LoggedRun) -> _Asked:
        request = request_of(self.ledger, run.id)
        failed = False
        answer: Answer | None
        try:
            answer = self.ask(request or {"text": ""})
        except TandemError as error:
            answer, failed = error.answer, True
        if answer is None:
            return _Asked(0.0, 0.0, None, True)
        differs = self._differs(run, answer["output"])
        return _Asked(answer["cost"], answer["seconds"], differs, failed)

    def _differs(self, run: LoggedRun, output: Any) -> bool | None:
        was, task = served_of(run), self.task(run.task)
        if was == NOBODY or output is None:
            return None if was == NOBODY and output is None else True
        logged = run.attempts[was].output
        if task is None or logged is None or not comparable(task):
            return None
        return not agree(logged, output, task)


def _is_open(one: Followed) -> bool:
    return one.outcome.kind == "unknown" and not one.run.parent_id


def _told(
    name: str,
    open_runs: Sequence[LoggedRun],
    kept: Sequence[LoggedRun],
    asked: Sequence[_Asked],
) -> RerunTask:
    compared = [one.differs for one in asked if one.differs is not None]
    seconds = [one.seconds for one in asked]
    others = count_interval(len(compared), sum(compared), len(kept) - len(compared))
    return {
        "task": name,
        "unknown": len(open_runs),
        "kept": len(kept),
        "asked": len(asked),
        "failed": sum(one.failed for one in asked),
        "cost_then": math.fsum(run.cost for run in kept),
        "cost": known(_of_all([one.cost for one in asked], len(kept))),
        "compared": len(compared),
        "others": known(others),
        "p50": quantile(seconds, 0.5),
        "p95": quantile(seconds, 0.95),
    }


def _of_all(costs: Sequence[float], count: int) -> Figure:
    """What `count` runs cost together, of which these are a random sample."""
    made, rest = math.fsum(costs), count - len(costs)
    if not rest or not costs:
        return exactly(made)
    given, rng = np.array(costs), np.random.default_rng(SEED)
    draws = np.empty(DRAWS)
    for at in range(DRAWS):
        again = given[rng.integers(0, len(given), len(given))]
        draws[at] = made + again[rng.integers(0, len(again), rest)].sum()
    found = spread(draws)
    if len(costs) >= FEW:
        return found
    low, high = made + rest * min(costs), made + rest * max(costs)
    return Figure(found.value, min(low, found.low), max(high, found.high))
