"""Whose budget would be spent when: the day's costs, added up as they would have ended."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tandem.ledger.days import DAY_S
from tandem.loop.replay.changes import Changes
from tandem.loop.replay.logged import LoggedRun
from tandem.nodes.shadow import drawn
from tandem.routing.budgets import spent


@dataclass
class Spending:
    """What is spent, in the order in which runs started.

    Until a cost or a budget differs, a budget was spent where the ledger says so: only from there
    on is it computed. An attempt's cost counts from its end, by the seconds of the attempts.
    """

    changes: Changes
    diverged: bool = False
    _pending: list[tuple[float, int, str, float]] = field(default_factory=list)
    _days: dict[int, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    _count: int = 0

    def __post_init__(self) -> None:
        budgets = self.changes.touches("policy.budgets.*")
        self.diverged = budgets or (self.bounded and self.changes.touches("shadow.share"))

    @property
    def bounded(self) -> bool:
        """Whether any budget is to be looked at."""
        return self.changes.new.policy.budgets.bounded

    def barred_at_first(self, run: LoggedRun) -> bool:
        """Whether a budget was spent when the run began."""
        if not self.diverged:
            refused = run.error_code == "budget_spent" and not run.answers
            return refused or (run.budget_told and not run.may_escalate)
        return bool(self._why(run, run.started))

    def barred_after(self, run: LoggedRun, made: int, costs: tuple[float, ...]) -> bool:
        """Whether a budget is spent once the first `made` attempts were made; `costs` are theirs.

        The run's own attempts are in the ledger by then.
        """
        if not self.diverged:
            escalated = any(each.tier == "llm" for each in run.answers)
            return run.budget_told and not escalated
        return bool(self._why(run, _end(run, made), sum(costs[:made])))

    def add(self, run: LoggedRun, ends: list[tuple[float, float]]) -> None:
        """The run's costs, each with the moment from which it counts."""
        if not self.bounded:
            return
        for moment, cost in ends:
            self._push(moment, run.tenant, cost)
        told: Any = run.shadow
        # The same runs are drawn again, of a smaller share some of them.
        if told is not None and drawn(run.id, self.changes.new.shadow.share):
            self._push(told["ended"], run.tenant, told["cost"])

    def _push(self, moment: float, tenant: str, cost: float) -> None:
        if cost:
            self._count += 1
            heapq.heappush(self._pending, (moment, self._count, tenant, cost))

    def _why(self, run: LoggedRun, now: float, own: float = 0.0) -> str:
        budgets = self.changes.new.policy.budgets
        if not budgets.bounded:
            return ""
        while self._pending and self._pending[0][0] <= now:
            moment, _, tenant, cost = heapq.heappop(self._pending)
            self._days[int(moment // DAY_S)][tenant] += cost
        today = dict(self._days[int(now // DAY_S)])
        if own:
            today[run.tenant] = today.get(run.tenant, 0.0) + own
        return spent(budgets, run.tenant, today, self.changes.new.currency)


def ends_of(run: LoggedRun, kept: tuple[int, ...], costs: list[float]) -> list[tuple[float, float]]:
    """When each kept attempt ends, and its cost."""
    now, ends = run.started, []
    for at, cost in zip(kept, costs, strict=True):
        now += run.attempts[at].seconds
        ends.append((now, cost))
    return ends


def _end(run: LoggedRun, made: int) -> float:
    return run.started + sum(each.seconds for each in run.attempts[:made])
