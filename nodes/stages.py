"""What a task may know beyond its four methods: a stage before the models, and how sure it is.

Both are optional. A task with a `first` is asked before the SLM is; a task with a `judge` says by
which score an attempt was judged and what that promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from tandem.models.tier import TierCall
from tandem.nodes.task import Prepared, Task
from tandem.records import Attempt, GateFailure, Verdict

SECOND_TRY: Final = "second_try"
"""Signal of an attempt that the SLM made after a rejected one of its own: which try it was."""
UNSEEN: Final = "a second try: no calibration saw any, so nothing is promised of it"


class First(NamedTuple):
    """What the stage before the models made of a request."""

    attempt: Attempt
    """Of tier `head` or `rule`."""
    then_slm: bool
    """Whether the SLM is worth asking where this attempt is rejected; else the LLM is next."""
    prepared: Mapping[str, Any]
    """What joins the prepared input; `all_llm_usage`: the tokens that the LLM would have taken."""


class Judgement(NamedTuple):
    """By what an attempt was judged."""

    score: float | None = None
    """Probability that it is right, 0 to 1."""
    threshold: float | None = None
    notes: Sequence[str] = ()
    """Why nothing is promised, in words."""
    promises: Sequence[str] = ()
    """What is promised of the attempt, in words, should no gate refuse it."""


@runtime_checkable
class OwnFirst(Protocol):
    """A task with a stage before the models."""

    def first(self, prepared: Prepared) -> First | None:
        """What a head or a rule answers, without a model call; None: there is none."""
        ...


@runtime_checkable
class OwnJudgement(Protocol):
    """A task whose attempts have calibrated scores."""

    def judge(self, prepared: Prepared, attempt: Attempt) -> Judgement:
        """The score of `attempt`, and what its threshold promises. No hard gate is asked here."""
        ...


@runtime_checkable
class OneShot(Protocol):
    """A task of several steps that can also be asked for in one plain prompt, as a baseline."""

    def one_shot(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """All of the task in one call."""
        ...


@runtime_checkable
class LeavesDrafts(Protocol):
    """A task whose rejected output a person can put right: where the LLM's own is rejected, the run
    ends as `needs_review` with the draft, not as `failed`."""

    @property
    def drafts_for_review(self) -> bool: ...


def is_second_try(attempt: Attempt) -> bool:
    """Whether the SLM made `attempt` after a rejected one of its own. Calibrations measure first
    tries: a second one is another draw, taken where the first was bad."""
    return SECOND_TRY in attempt["signals"]


def unseen() -> GateFailure:
    """The gate `score` of a second try under a calibration in force."""
    return GateFailure(gate="score", detail=UNSEEN)


def verdict_of(
    task: Task, prepared: Prepared, attempt: Attempt, failed: list[GateFailure]
) -> Verdict:
    """The verdict on `attempt` that `failed` makes, with the score where the task has one."""
    own = isinstance(task, OwnJudgement) and attempt["error"] is None
    judged = task.judge(prepared, attempt) if own else Judgement()  # type: ignore[attr-defined]
    verdict: Verdict = {
        "attempt_id": attempt["id"],
        "accepted": not failed,
        "score": judged.score,
        "threshold": judged.threshold,
        "failed": failed,
    }
    # Nothing is promised of an answer that does not leave.
    if notes := [*judged.notes, *(() if failed else judged.promises)]:
        verdict["notes"] = notes
    return verdict
