"""What would become of one run: its logged attempts are followed as far as they go.

Where an answer that was rejected would leave, what came after it falls away: exact. Where one that
left would be rejected, the LLM would be asked as well: an estimate. Where a model would be asked
for something that it was never asked, nothing can be said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

from tandem.loop.replay.course import Course
from tandem.loop.replay.gates import Passed
from tandem.loop.replay.logged import LoggedAttempt, LoggedRun

Kind = Literal["same", "exact", "estimated", "unknown"]
Why = Literal[
    "", "never_tried", "model", "prompt", "decision", "score", "retry", "steps", "few_llm"
]
ADDED: Final = -1
"""Stands for the LLM's answer that would be asked for."""
NOBODY: Final = -2
"""No answer leaves."""
_REFUSED: Final = ("policy_refused", "budget_spent")
TOLD: Final[dict[Why, str]] = {
    "never_tried": "the tier that would be asked never saw them",
    "model": "another model (another file, another server's address) would answer",
    "steps": "a part of their work would go otherwise, and what follows hangs on it",
    "retry": "the SLM would be asked once more, which the LLM was asked in its place",
    "few_llm": "too few answers of the LLM to this task are logged to tell what one costs",
}


@dataclass(frozen=True)
class Outcome:
    """What would become of a run.

    Parameters
    ----------
    kept: positions of the attempts that would still be made.
    served: position of the attempt that would answer, ADDED or NOBODY.
    adds_llm: the LLM would be asked as well; `direct`: in place of all else, not to repair.
    why, words: of what is unknown.
    """

    kind: Kind
    kept: tuple[int, ...] = ()
    served: int = NOBODY
    adds_llm: bool = False
    direct: bool = False
    why: Why = ""
    words: str = ""


@dataclass(frozen=True)
class Terms:
    """The new settings' word on one run.

    Parameters
    ----------
    passes: whether an attempt leaves. barred_after: whether a budget is spent once so many of the
        attempts were made. retries: `policy.slm_retries`. repair_is_anew: the LLM is asked the same
        whether it repairs or begins.
    """

    course: Course
    passes: Callable[[LoggedAttempt], Passed]
    barred_after: Callable[[int], bool]
    retries: int = 1
    repair_is_anew: bool = False


def served_of(run: LoggedRun) -> int:
    """The position of the attempt that the answer was; NOBODY where none was served."""
    if run.status not in ("accepted", "unverified"):
        return NOBODY
    found = [at for at, each in enumerate(run.attempts) if each.accepted]
    if found:
        return found[-1]
    tried = [at for at, each in enumerate(run.attempts) if each.tier == run.tier]
    return tried[-1] if tried else NOBODY


def as_it_was(run: LoggedRun) -> Outcome:
    """Nothing would be otherwise."""
    return Outcome("same", tuple(range(len(run.attempts))), served_of(run))


def unknown(why: Why, words: str = "") -> Outcome:
    """Nothing can be said, and why."""
    return Outcome("unknown", why=why, words=words or TOLD[why])


def outcome(run: LoggedRun, terms: Terms) -> Outcome:
    """What would become of a run that is a single task (no steps)."""
    course = terms.course
    if course.unknown:
        return unknown("decision", course.unknown)
    if course.refused:
        return refused(run, course.unread)
    if run.error_code in _REFUSED and not run.answers:
        return unknown("never_tried")
    if not run.first_tier or not run.answers:
        return as_it_was(run)
    if course.tier != run.first_tier:
        return unknown("never_tried") if course.tier == "slm" else _llm_first(run, terms)
    return _followed(run, terms)


def refused(run: LoggedRun, unread: bool) -> Outcome:
    """A run that is refused, before its task is read (`unread`) or after."""
    if run.error_code in _REFUSED and not run.answers:
        return as_it_was(run)
    return Outcome("exact", () if unread else _reading(run), NOBODY)


def _reading(run: LoggedRun) -> tuple[int, ...]:
    return tuple(at for at, each in enumerate(run.attempts) if each.purpose == "classify")


def _llm_first(run: LoggedRun, terms: Terms) -> Outcome:
    """The LLM in place of what was tried before it."""
    for at, attempt in enumerate(run.attempts):
        if attempt.purpose == "answer" and attempt.tier == "llm" and attempt.error_code is None:
            if not terms.repair_is_anew:
                break  # asked for all of it, it costs otherwise than asked to repair
            served = at if attempt.accepted else NOBODY
            return Outcome("exact", (*_reading(run), at), served)
    return Outcome("estimated", _reading(run), ADDED, adds_llm=True, direct=True)


def _followed(run: LoggedRun, terms: Terms) -> Outcome:
    """Attempt by attempt, until one goes otherwise than it did."""
    made = list(_reading(run))
    places = [at for at, each in enumerate(run.attempts) if each.purpose == "answer"]
    for turn, at in enumerate(places):
        attempt, later = run.attempts[at], places[turn + 1 :]
        passed = terms.passes(attempt)
        if passed.unknown:
            return unknown("score", passed.unknown)
        made.append(at)
        kept = tuple(sorted(made))
        if passed.accepted:
            return _left(run, kept, at)
        if attempt.tier == "llm":
            continue
        found = _rejected(run, terms, attempt, passed, kept, later)
        if found is not None:
            return found
    return as_it_was(run)


def _left(run: LoggedRun, kept: tuple[int, ...], at: int) -> Outcome:
    same = run.attempts[at].accepted and len(kept) == len(run.attempts)
    return as_it_was(run) if same else Outcome("exact", kept, at)


def _rejected(
    run: LoggedRun,
    terms: Terms,
    attempt: LoggedAttempt,
    passed: Passed,
    kept: tuple[int, ...],
    later: list[int],
) -> Outcome | None:
    """What follows a rejection; None: what followed it in the ledger."""
    next_tier = run.attempts[later[0]].tier if later else ""
    if attempt.tier == "head" and _slm_is_next(passed, next_tier, attempt):
        return None if next_tier == "slm" else unknown("never_tried")
    escalates = terms.course.may_escalate and not terms.barred_after(len(kept))
    if escalates:
        return _escalated(run, attempt, kept, later)
    return _ended(terms, attempt, passed, kept, next_tier)


def _slm_is_next(passed: Passed, next_tier: str, attempt: LoggedAttempt) -> bool:
    """Whether a head's rejected answer goes to the SLM; as it did, where nothing says otherwise."""
    if passed.then_slm is not None:
        return passed.then_slm
    return next_tier == "slm" or bool(attempt.accepted)


def _escalated(
    run: LoggedRun, attempt: LoggedAttempt, kept: tuple[int, ...], later: list[int]
) -> Outcome | None:
    by_llm = [at for at in later if run.attempts[at].tier == "llm"]
    if by_llm:
        if later[0] == by_llm[0]:
            return None
        served = by_llm[0] if run.attempts[by_llm[0]].accepted else NOBODY
        return Outcome("exact", (*kept, by_llm[0]), served)
    might_have = run.may_escalate and not run.budget_told and not attempt.accepted
    if might_have and attempt.tier != "head":
        return None  # no time was left, or the guard let nothing leave
    return Outcome("estimated", kept, ADDED, adds_llm=True)


def _ended(
    terms: Terms,
    attempt: LoggedAttempt,
    passed: Passed,
    kept: tuple[int, ...],
    next_tier: str,
) -> Outcome | None:
    """A rejected answer that may not go to the LLM: a second try of the SLM, or the end."""
    if next_tier == "slm" or (not next_tier and not attempt.accepted):
        return None
    if attempt.error_code or passed.only_unsure or not terms.retries:
        return Outcome("exact", kept, NOBODY)
    return unknown("retry")


def without(outcome: Outcome, words: str) -> Outcome:
    """`outcome` of which nothing can be said after all."""
    return replace(outcome, kind="unknown", kept=(), adds_llm=False, why="few_llm", words=words)
