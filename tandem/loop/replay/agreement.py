"""With what share of the answers that leave without the LLM the LLM agrees.

The answers are in strata: those of runs in which the LLM was asked anyway, of which its answer is
logged; and all others, of which the shadow asked for a sample. The shadow was perhaps off for some
of the time, or its budget spent: a weight of 1/probability would then count the sampled rows for
themselves only and not for those. So each stratum counts by the number of its answers, which the
ledger knows, and its sample tells the share within it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from typing_extensions import TypedDict

from tandem.ledger.shadow import agreement
from tandem.loop.replay.logged import LoggedRun
from tandem.loop.replay.outcome import served_of
from tandem.nodes.shadow import agree, comparable
from tandem.nodes.task import Task
from tandem.stats import Interval, wilson


class Agreement(TypedDict):
    """A share with its interval. JSON-plain."""

    n: int
    """Answers that were compared."""
    of: int
    """Answers that it speaks of."""
    left_out: int
    """Answers that it does not speak of: the LLM may not be asked for them."""
    mean: float | None
    """None: not identifiable, since of some kind of answers none was compared; the interval then
    holds whatever these may be."""
    low: float
    high: float


class Stratum(NamedTuple):
    """Answers of one kind: how many, and the share of them; None: none was compared."""

    answers: int
    share: Interval | None


@dataclass
class Agreeing:
    """Counts the answers of one task.

    Parameters
    ----------
    asked: whether it agrees, of runs in which the LLM was asked; `unkept` of them have no output.
    drawn: the same of the shadow's sample, with the probability; `alone` are all answers that it
        is a sample of.
    others: answers that no run gave and that the LLM was not asked for.
    """

    task: Task | None
    asked: list[bool] = field(default_factory=list)
    unkept: int = 0
    drawn: list[tuple[bool, float]] = field(default_factory=list)
    alone: int = 0
    others: int = 0
    left_out: int = 0

    def add(self, run: LoggedRun, served: int, may_be_asked: bool) -> None:
        """The attempt of `run` at position `served` leaves. `may_be_asked`: the LLM, of it."""
        task = self.task
        if task is None or served < 0 or not comparable(task) or run.attempts[served].tier == "llm":
            return
        if any(each.tier == "llm" and each.error_code is None for each in run.answers):
            told = _agrees_with_own(run, served, task)
            self.unkept += told is None
            self.asked += [told] if told is not None else []
        elif not may_be_asked:
            self.left_out += 1
        elif not _is_as_served(run, served, task):
            self.others += 1
        else:
            self.alone += 1
            if run.shadow and run.shadow["agreed"] is not None:
                self.drawn.append((bool(run.shadow["agreed"]), float(run.shadow["probability"])))

    def told(self) -> Agreement:
        """The share over all strata."""
        strata = [
            Stratum(len(self.asked) + self.unkept, self._of_asked()),
            Stratum(self.alone, self._of_alone()),
            Stratum(self.others, None),
        ]
        mean, low, high = combined([one for one in strata if one.answers])
        return {
            "n": len(self.asked) + len(self.drawn),
            "of": sum(one.answers for one in strata),
            "left_out": self.left_out,
            "mean": mean,
            "low": low,
            "high": high,
        }

    def _of_asked(self) -> Interval | None:
        found = wilson(sum(self.asked), len(self.asked))
        return _whole(found, self.unkept == 0) if self.asked else None

    def _of_alone(self) -> Interval | None:
        if len(self.drawn) == self.alone:  # whoever sees all needs no weights
            return _whole(wilson(sum(told for told, _ in self.drawn), self.alone), True)
        return agreement(self.drawn) if self.drawn else None


def combined(strata: Sequence[Stratum]) -> tuple[float | None, float, float]:
    """The share over all strata with its interval; without the share where one has none.

    The distances to the ends of independent intervals are added by their squares, as Newcombe
    (1998), Interval estimation for the difference between independent proportions, method 10.
    """
    total = sum(one.answers for one in strata)
    known = [(one.answers / total, one.share) for one in strata if one.share is not None]
    if not known:
        return None, 0.0, 1.0
    mean = math.fsum(weight * share.mean for weight, share in known)
    low = mean - math.hypot(*(weight * (share.mean - share.low) for weight, share in known))
    high = mean + math.hypot(*(weight * (share.high - share.mean) for weight, share in known))
    open_part = 1 - math.fsum(weight for weight, _ in known)
    if len(known) == len(strata):
        return mean, low, high
    return None, low, high + open_part


def _whole(found: Interval, whole: bool) -> Interval:
    """The share without an interval where nothing of it comes of a sample."""
    return found._replace(low=found.mean, high=found.mean) if whole and found.n else found


def _agrees_with_own(run: LoggedRun, served: int, task: Task) -> bool | None:
    by_llm = [each.output for each in run.answers if each.tier == "llm" and each.output is not None]
    own = run.attempts[served].output
    return agree(own, by_llm[-1], task) if by_llm and own is not None else None


def _is_as_served(run: LoggedRun, served: int, task: Task) -> bool:
    """Whether the answer is the one that was given, which alone the shadow has compared."""
    was = served_of(run)
    if served == was or was < 0:
        return served == was
    ours, theirs = run.attempts[served].output, run.attempts[was].output
    return ours is not None and theirs is not None and agree(ours, theirs, task)
