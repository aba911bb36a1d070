"""What is known of how good the answers would be: by people's feedback, by the shadow's sample, by
the LLM's logged answers. Each is named for what it is; agreement with the LLM is no share of right
answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from typing_extensions import TypedDict

from tandem.ledger.shadow import agreement
from tandem.loop.replay.agreement import Agreeing, Agreement
from tandem.loop.replay.estimates import Figure, count_interval
from tandem.loop.replay.logged import LoggedRun
from tandem.loop.replay.outcome import ADDED, NOBODY, Outcome, served_of
from tandem.nodes.shadow import agree, comparable
from tandem.nodes.task import Task
from tandem.stats import Interval, wilson


class Changed(TypedDict):
    """Answers that would come of another attempt, or not at all. JSON-plain."""

    moved: dict[str, int]
    """How many, by who answered then and who would ("llm to slm")."""
    compared: int
    """Of these, those of which is known whether the answer itself would be another."""
    others: float | None
    """Answers that would be other ones; None where none could be compared."""
    low: float
    high: float


class Share(TypedDict):
    """A share with its interval. JSON-plain."""

    n: int
    mean: float | None
    low: float
    high: float


class Quality(TypedDict):
    """JSON-plain."""

    agreement_then: Agreement
    """With the LLM, of the answers that left without it."""
    agreement: Agreement
    """The same of those that would leave without it."""
    feedback_then: Share
    """Right by feedback, of all that was judged."""
    feedback: Share
    """The same of judged answers that would stay."""
    feedback_lost: int
    """Judged answers that would not be given."""


class Fate(NamedTuple):
    """A run and what would become of it."""

    run: LoggedRun
    outcome: Outcome


def changed(fates: Sequence[Fate], task: Task | None) -> Changed:
    """Which answers would be others. Runs of which nothing can be said are left out."""
    moved: Counter[str] = Counter()
    plain, sampled, unknown, unknown_added = [0, 0], list[tuple[bool, float]](), 0, 0
    for run, outcome in _known(fates):
        was = served_of(run)
        if outcome.served == was:
            continue
        moved[f"{_who(run, was)} to {_who(run, outcome.served)}"] += 1
        told = _differs(run, was, outcome.served, task)
        if outcome.served == ADDED and was != NOBODY:
            if told is None or run.shadow is None:
                unknown_added += 1
            else:
                sampled.append((told, run.shadow["probability"]))
        elif told is None:
            unknown += 1
        else:
            plain[0] += 1
            plain[1] += told
    first = count_interval(plain[0], plain[1], unknown)
    second = _by_sample(sampled, unknown_added)
    compared = plain[0] + len(sampled)
    value = first.value + second.value
    return {
        "moved": dict(sorted(moved.items())),
        "compared": compared,
        "others": None if value != value else value,  # noqa: PLR0124 (not a number)
        "low": first.low + second.low,
        "high": first.high + second.high,
    }


def quality(
    fates: Sequence[Fate],
    task: Task | None,
    may_be_asked: Callable[[LoggedRun], bool] = lambda _run: True,
) -> Quality:
    """Agreement and feedback, then and under the new settings, over the same runs.

    Parameters
    ----------
    may_be_asked: whether the LLM may be asked of a run, by the shadow too.
    """
    known = _known(fates)
    then, would = Agreeing(task), Agreeing(task)
    for run, outcome in known:
        open_to = may_be_asked(run)
        then.add(run, served_of(run), open_to)
        would.add(run, outcome.served, open_to)
    judged = [(run, outcome) for run, outcome in known if run.correct is not None]
    staying = [run.correct for run, outcome in judged if outcome.served == served_of(run)]
    return {
        "agreement_then": then.told(),
        "agreement": would.told(),
        "feedback_then": _share(wilson(sum(bool(run.correct) for run, _ in judged), len(judged))),
        "feedback": _share(wilson(sum(map(bool, staying)), len(staying))),
        "feedback_lost": len(judged) - len(staying),
    }


def _known(fates: Sequence[Fate]) -> list[Fate]:
    return [fate for fate in fates if fate.outcome.kind != "unknown"]


def _by_sample(pairs: Sequence[tuple[bool, float]], unknown: int) -> Figure:
    """How many would differ: those compared, and the rest by their weighted share."""
    differing = sum(told for told, _ in pairs)
    if not unknown or not pairs:
        return count_interval(len(pairs), differing, unknown)
    found = agreement(pairs)
    if not found.n:
        return count_interval(0, 0, unknown + len(pairs))
    seen = found.mean * found.n
    rest = count_interval(found.n, seen, unknown)
    shift = differing - seen
    return Figure(rest.value + shift, rest.low + shift, rest.high + shift)


def _who(run: LoggedRun, served: int) -> str:
    if served == NOBODY:
        return "nobody"
    return "llm" if served == ADDED else run.attempts[served].tier


def _differs(run: LoggedRun, was: int, now: int, task: Task | None) -> bool | None:
    """Whether the answer itself would be another; None: not known."""
    if NOBODY in (was, now):
        return True
    if task is None or not comparable(task):
        return None
    if now == ADDED:
        agreed = run.shadow["agreed"] if run.shadow else None
        return None if agreed is None else not agreed
    ours, theirs = run.attempts[now].output, run.attempts[was].output
    return None if ours is None or theirs is None else not agree(ours, theirs, task)


def _share(found: Interval) -> Share:
    return {
        "n": found.n,
        "mean": found.mean if found.n else None,
        "low": found.low,
        "high": found.high,
    }
