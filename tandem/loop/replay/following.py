"""Every run of a ledger followed under other settings, in the order in which they began."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from tandem.graphs.hybrid import SUBGRAPHS
from tandem.graphs.tasks import Tasks
from tandem.loop.replay.changes import Changes
from tandem.loop.replay.course import Course, Courses
from tandem.loop.replay.estimates import LEAST, Call, mean_cost, suited
from tandem.loop.replay.gates import Gates, Passed
from tandem.loop.replay.logged import LoggedAttempt, LoggedRun
from tandem.loop.replay.outcome import Outcome, Terms, as_it_was, outcome, refused, unknown
from tandem.loop.replay.prices import Prices
from tandem.loop.replay.spending import Spending, ends_of
from tandem.nodes.labels import LabelTask
from tandem.nodes.shadow import comparable, layers
from tandem.nodes.task import Task
from tandem.records import Usage

_IN_STEPS: Final = frozenset({*SUBGRAPHS, "agent"})
_LLM_REPLIED: Final = (None, "rejected")
"""Error codes of a shadow's row whose call was answered."""


@dataclass(frozen=True)
class Followed:
    """A run, what would become of it, and what its kept attempts would cost."""

    run: LoggedRun
    outcome: Outcome
    costs: tuple[float, ...] = ()
    base: float = 0.0
    """What its SLM call would cost at the LLM's token prices; 0.0: not known."""


@dataclass
class Following:
    """Follows runs.

    Parameters
    ----------
    old_tasks, new_tasks: the tasks as either settings make them.
    calls: the LLM's logged calls by task, at the new prices; `counted` reads them.
    price_notes: why costs are not exact to the last digit, with how many attempts.
    """

    changes: Changes
    old_tasks: Tasks
    new_tasks: Tasks
    calls: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    price_notes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _judges: dict[str, tuple[Courses, Gates] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prices = Prices(self.changes.old, self.changes.new)
        self.spending = Spending(self.changes)

    def task(self, name: str) -> Task | None:
        """The task under the new settings; None: they know none of that name."""
        return self.new_tasks.get(name)

    def anew(self, name: str) -> bool:
        """Whether the LLM is asked the same whether it repairs or begins."""
        return isinstance(self.task(name), LabelTask)

    def follow(self, runs: Sequence[LoggedRun]) -> list[Followed]:
        """What would become of `runs`, which are in the order of their begin."""
        for run in runs:
            self._count_calls(run)
        followed = [self._one(run) for run in runs]
        return self._with_parents(followed)

    def slimmed(self, run: LoggedRun) -> LoggedRun:
        """`run` with no more of its outputs than is compared, since all runs are held."""
        task = self.task(run.task)
        tries = tuple(replace(one, output=_compared(one.output, task)) for one in run.attempts)
        return replace(run, attempts=tries)

    def may_be_compared(self, run: LoggedRun) -> bool:
        """Whether the shadow could have asked the LLM of a run that stayed without it."""
        if run.status == "unverified" or not run.may_escalate:
            return False
        old = self.changes.old
        private = all(old.models[name].private for name in old.chain("llm", run.task))
        return private or run.sensitivity in old.privacy.public_may_see

    def _one(self, run: LoggedRun) -> Followed:
        found = self._outcome(run)
        if found.adds_llm:
            found = self._payable(run, found)
        keeps = found.kept if found.kind != "unknown" else as_it_was(run).kept
        costs = [self._price(run, run.attempts[at]) for at in keeps]
        base = self._base(run)
        ends = ends_of(run, keeps, costs)
        if found.adds_llm:
            likely = mean_cost(self.suited_calls(run, found), base)
            ends.append((ends[-1][0] if ends else run.started, likely))
        logged = [run.attempts[at].cost for at in keeps]
        if self.spending.bounded and (found.kind in ("exact", "estimated") or costs != logged):
            self.spending.diverged = True
        self.spending.add(run, ends)
        return Followed(run, found, tuple(costs) if found.kind != "unknown" else (), base)

    def _outcome(self, run: LoggedRun) -> Outcome:
        barred = self.spending.barred_at_first(run)
        if self._untouched(run):
            return as_it_was(run)
        if barred and not run.parent_id and self._refuses:
            return refused(run, unread=True)
        judges = self._of(run.task)
        if why := self._why_unasked(run, judges):
            return why
        if judges is None:
            return as_it_was(run)
        courses, gates = judges
        course = courses.of(run, barred)
        passes = partial(gates.passes, run, quality=course.quality)
        if run.in_steps or run.node in _IN_STEPS:
            return self._in_steps(run, course, passes)
        return outcome(run, self._terms(run, course, passes))

    def _untouched(self, run: LoggedRun) -> bool:
        """Whether nothing that decides differs, or the run ended before anything was decided."""
        if self.changes.harmless(run.task) and not self.spending.diverged:
            return True
        return not run.first_tier and run.error_code not in ("policy_refused", "budget_spent")

    def _why_unasked(self, run: LoggedRun, judges: Any) -> Outcome | None:
        """Why what was asked says nothing of what would be; None: it does."""
        task = self.old_tasks.get(run.task)
        # Nothing is known of a task that is not registered here: an adapter may answer it.
        if why := self.changes.why_unfollowed(run.task, task is None or comparable(task)):
            return unknown("prompt", why)
        if self._others_asked(run, run.attempts):
            return unknown("model")
        if judges is None and not self.changes.harmless(run.task):
            return unknown("prompt", "their task is not one that these settings know")
        return None

    @property
    def _refuses(self) -> bool:
        return self.changes.new.policy.budgets.when_spent == "refuse"

    def _terms(self, run: LoggedRun, course: Course, passes: Any) -> Terms:
        costs = tuple(self._price(run, each) for each in run.attempts)
        return Terms(
            course=course,
            passes=passes,
            barred_after=lambda made: self.spending.barred_after(run, made, costs),
            retries=self.changes.new.policy.slm_retries,
            repair_is_anew=self.anew(run.task),
        )

    def _in_steps(self, run: LoggedRun, course: Course, passes: Any) -> Outcome:
        """A run of several steps is as it was, or nothing can be said of it."""
        if course.unknown:
            return unknown("decision", course.unknown)
        if course.refused:
            return refused(run, course.unread)
        logged = (run.first_tier, bool(run.may_escalate))
        if (course.tier, course.may_escalate) != logged:
            return unknown("steps")
        verdicts: list[tuple[Passed, LoggedAttempt]] = [(passes(one), one) for one in run.answers]
        if any(told.unknown for told, _ in verdicts):
            return unknown("score", next(told.unknown for told, _ in verdicts if told.unknown))
        stays = all(told.accepted == bool(one.accepted) for told, one in verdicts)
        return as_it_was(run) if stays else unknown("steps")

    def _payable(self, run: LoggedRun, found: Outcome) -> Outcome:
        """`found`, where it is known what a call of the LLM would cost."""
        if "llm" in self.changes.changed_tiers(run.task):
            return unknown("model")
        return found if len(self.suited_calls(run, found)) >= LEAST else unknown("few_llm")

    def suited_calls(self, run: LoggedRun, found: Outcome) -> list[Call]:
        """The LLM's calls that are like the one which would be made."""
        return suited(self.calls[run.task], found.direct, self.anew(run.task))

    def _others_asked(self, run: LoggedRun, tried: Sequence[LoggedAttempt]) -> bool:
        changed = self.changes.changed_tiers(run.task)
        return any(each.tier in changed for each in tried)

    def _of(self, task: str) -> tuple[Courses, Gates] | None:
        if task not in self._judges:
            old, new = self.old_tasks.get(task), self.new_tasks.get(task)
            self._judges[task] = (
                (Courses(self.changes, old, new), Gates(self.changes, old, new))
                if old is not None and new is not None
                else None
            )
        return self._judges[task]

    def _price(self, run: LoggedRun, attempt: LoggedAttempt) -> float:
        return self.prices.of(attempt, run.task).cost

    def _base(self, run: LoggedRun) -> float:
        slm = next((one for one in run.answers if one.tier == "slm" and one.input_tokens), None)
        if slm is None:
            return 0.0
        usage: Usage = {"input_tokens": slm.input_tokens, "output_tokens": slm.output_tokens}
        return self.prices.llm(usage, run.task)

    def _count_calls(self, run: LoggedRun) -> None:
        for at, attempt in enumerate(run.attempts):
            told = self.prices.of(attempt, run.task)
            if told.unknown:
                self.price_notes[run.root_task][told.unknown] += 1
            if attempt.tier == "llm" and attempt.purpose == "answer" and attempt.calls:
                repairs = any(each.purpose == "answer" for each in run.attempts[:at])
                call = Call(told.cost, attempt.seconds, self._base(run), repairs)
                self.calls[run.task].append(call)
        shadow = run.shadow
        same_price = not self.changes.touches("models.*.price*", "tiers.llm*", "tasks.*.llm")
        if shadow and same_price and shadow["error_code"] in _LLM_REPLIED:
            call = Call(shadow["cost"], shadow["seconds"], self._base(run), repairs=False)
            self.calls[run.task].append(call)

    def _with_parents(self, followed: list[Followed]) -> list[Followed]:
        """A run whose parts would go otherwise is unknown, and its parts with it; the parts of one
        that is refused fall away."""
        fates = {one.run.id: one.outcome for one in followed if not one.run.parent_id}
        moved = {
            one.run.parent_id
            for one in followed
            if one.run.parent_id in fates and one.outcome.kind != "same"
        }
        moved |= {run_id for run_id, fate in fates.items() if fate.kind == "unknown"}
        return [_with_parent(one, fates, moved) for one in followed]


def _compared(output: Any, task: Task | None) -> Any:
    """What `agree` looks at: a label without its probabilities, fields, and no free text."""
    if task is None or not comparable(task):
        return None
    if isinstance(output, dict) and isinstance([*layers(task)][-1], LabelTask):
        return {"label": output["label"]} if "label" in output else None  # a plan has none
    return output


def _with_parent(
    one: Followed, fates: Mapping[str, Outcome], moved: Container[str | None]
) -> Followed:
    parent = fates.get(one.run.parent_id or "")
    if parent is not None and parent.kind == "exact":
        return replace(one, outcome=Outcome("exact"), costs=())
    if parent is not None and one.run.parent_id in moved:
        return replace(one, outcome=unknown("steps"), costs=())
    if one.run.id in moved and one.outcome.kind == "same":
        return replace(one, outcome=unknown("steps"), costs=())
    return one
