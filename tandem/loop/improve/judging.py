"""What is in force against what would be, on rows that neither learnt from: by the answers that
leave without the LLM, as a request would get them.

Better is what a paired test says; no worse is what the lower bound of the paired difference says,
not a test that found nothing: on few rows no test finds anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tandem.errors import ModelError, from_info
from tandem.loop.measuring import OF_THE_ROW, Progress, profile_of
from tandem.loop.select.choosing import lower_difference
from tandem.models.tier import CallContext
from tandem.nodes.labels import LabelTask
from tandem.nodes.run_task import attempted
from tandem.quality.calibration.threshold import Promise
from tandem.records import Attempt
from tandem.services import Services
from tandem.stats import Comparison, Interval, compare, wilson

MARGIN: Final = 0.05
"""How much worse still counts as no worse. Where the two differ on a tenth of the rows, 5 points
take some 150 judging rows to show, 3 points some 430: most ledgers would never get there."""


@dataclass
class Said:
    """By row, 0 or 1: whether the answer without the LLM was right, and whether it left so."""

    right: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)


class Side(NamedTuple):
    """How one side did. Shares are 0 to 1."""

    name: str
    right: Interval
    """Of all rows, the best answer without the LLM."""
    accepted: Interval
    """Rows that need no LLM."""
    precision: Interval
    """Of these, right."""


@dataclass(frozen=True)
class Duel:
    """The comparison, and what each side promises for the asked share of right answers.

    Parameters
    ----------
    no_worse: the lower bound of the difference in right answers, one-sided at `level`.
    level: how often the comparison may err where there is no difference; its two tests share it.
    """

    champion: Side
    challenger: Side
    right: Comparison
    accepted: Comparison
    no_worse: float
    level: float
    before: Promise | None
    after: Promise | None


@dataclass(frozen=True)
class Judge:
    """Asks tasks for rows as a request would, but for the LLM."""

    services: Services
    progress: Progress

    def said(
        self, what: str, task: LabelTask, labels: Sequence[str], rows: Sequence[tuple[str, str]]
    ) -> Said:
        """What `task`, as it is, says of `rows` (text, right label).

        Raises
        ------
        ModelError: the small model gave no answer; nothing was changed.
        """
        said = Said()
        for done, (text, right) in enumerate(rows, start=1):
            attempt, accepted = self._local(task, text, labels)
            label = (attempt["output"] or {}).get("label")
            said.right.append(float(label == right))
            said.accepted.append(float(accepted))
            self.progress(what, done, len(rows))
        return said

    def _local(self, task: LabelTask, text: str, labels: Sequence[str]) -> tuple[Attempt, bool]:
        """The last attempt without the LLM, and whether it may leave; see nodes/run_task.py."""
        profile = profile_of(self.services, task.name, {"text": text})
        prepared = dict(task.prepare({"text": text, "labels": list(labels)}, profile))
        first = task.first(prepared)
        if first is not None:
            prepared |= first.prepared
            failed = task.check(prepared, first.attempt)
            if not failed or not first.then_slm:
                return first.attempt, not failed
        call = self.services.tier("slm", task.name).bind(
            CallContext(
                profile=profile,
                deadline=time.time() + self.services.settings.limits.deadline_s,
                task=task.name,
            )
        )
        attempt = attempted(call, lambda: task.attempt(prepared, call))
        if (error := attempt["error"]) is not None and error["code"] not in OF_THE_ROW:
            raised = from_info(error)
            raise raised if isinstance(raised, ModelError) else ModelError(str(raised))
        return attempt, error is None and not task.check(prepared, attempt)


def duel(
    names: tuple[str, str],
    said: tuple[Said, Said],
    promises: tuple[Promise | None, Promise | None],
    level: float,
) -> Duel:
    """Champion and challenger, in this order; `level`: see Duel."""
    champion, challenger = said
    confidence = 1 - level / 2
    ours, theirs = ([one > 0 for one in each.right] for each in (challenger, champion))
    return Duel(
        champion=_side(names[0], champion),
        challenger=_side(names[1], challenger),
        right=compare(challenger.right, champion.right, confidence),
        accepted=compare(challenger.accepted, champion.accepted, confidence),
        no_worse=lower_difference(ours, theirs, level),
        level=level,
        before=promises[0],
        after=promises[1],
    )


class Decision(NamedTuple):
    """Whether the challenger goes in force, and why or why not."""

    put: bool
    why: str


def decide(found: Duel, *, needs_promise: bool, margin: float = MARGIN) -> Decision:
    """What becomes of the challenger.

    Parameters
    ----------
    needs_promise: whether answers leave by a certified threshold only (escalation `guarantee`).
    margin: the share of right answers by which "no worse" may be worse.
    """
    if why := _refusal(found, needs_promise=needs_promise):
        return Decision(False, why)
    if found.right.finding == "better":
        return Decision(True, f"its answers are better: {told(found.right)}")
    gain = _gain(found)
    if not gain:
        return Decision(False, f"no difference that is not noise: {told(found.right)}")
    if found.no_worse < -margin:
        return Decision(False, f"{gain}, but {_not_shown(found, margin)}")
    return Decision(True, f"{gain}, and its answers are no worse: {_bound(found, margin)}")


def _refusal(found: Duel, *, needs_promise: bool) -> str:
    before, after = found.before, found.after
    if after is None and (needs_promise or before is not None):
        return "it certifies no threshold, so that none of its answers could leave"
    if replaces_promise(before, after):
        return (
            "a promise is in force, and feedback gives agreement only: give rows drawn uniformly "
            "by --labelled once, and feedback teaches what they certify from then on"
        )
    if found.right.finding == "worse":
        return f"its answers are worse: {told(found.right)}"
    return ""


def replaces_promise(before: Promise | None, after: Promise | None) -> bool:
    """Whether agreement would take a promise's place."""
    return bool(before and not before.agreement and after and after.agreement)


def _gain(found: Duel) -> str:
    """What it brings beside better answers; empty: nothing."""
    before, after = found.before, found.after
    if after and before is None:
        kind = "agrees with feedback" if after.agreement else "is promised"
        return f"{after.target:.1%} {kind} where nothing was"
    if after and before and before.agreement and not after.agreement:
        return "agreement becomes a promise"
    if found.accepted.finding == "better":
        return f"under the same promise more leaves: {told(found.accepted)}"
    return ""


def _not_shown(found: Duel, margin: float) -> str:
    rows = rows_to_settle(found, margin)
    settled = (
        f"about {rows} judging rows would show it, were the difference to stay"
        if rows
        else "more rows would hardly show it, since it did worse by as much"
    )
    return f"not shown to be no worse: {_bound(found, margin)}; {settled}"


def _bound(found: Duel, margin: float) -> str:
    mean, n = found.right.difference.mean, found.right.difference.n
    return (
        f"{mean:+.3f}, above {found.no_worse:+.3f} with {1 - found.level:.2%} confidence, where "
        f"{-margin:+.3f} is allowed, n {n}"
    )


def rows_to_settle(found: Duel, margin: float) -> int | None:
    """So many judging rows would show that the challenger is no worse, were they like these; None:
    none would. A bound shrinks with the root of the number of rows, near enough to plan by."""
    mean, n = found.right.difference.mean, found.right.difference.n
    if mean <= -margin:
        return None
    return math.ceil(n * ((mean - found.no_worse) / (mean + margin)) ** 2)


def told(comparison: Comparison) -> str:
    """A comparison in words."""
    low, high = comparison.difference.low, comparison.difference.high
    return (
        f"{comparison.difference.mean:+.3f} ({low:+.3f} to {high:+.3f}, p {comparison.p:.3f}, "
        f"n {comparison.difference.n})"
    )


def _side(name: str, said: Said) -> Side:
    both = sum(r * a for r, a in zip(said.right, said.accepted, strict=True))
    accepted, count = sum(said.accepted), len(said.right)
    return Side(
        name,
        wilson(sum(said.right), count),
        wilson(accepted, count),
        wilson(both, int(accepted)),
    )
