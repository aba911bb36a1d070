"""Where a logged run would start, and whether the LLM might repair it, under other settings.

Only what differs is computed anew. What the ledger does not hold (the length of a text, what
redaction would leave of a sensitivity, how fast the tiers were at that moment) makes the course
unknown where the settings make anything hang on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from tandem.loop.replay.changes import Changes
from tandem.loop.replay.logged import LoggedRun
from tandem.nodes.task import Task
from tandem.records import Profile, Sensitivity, TierName
from tandem.routing.policy import LlmAccess, decide, start
from tandem.routing.rules import UNREAD, Facts, may_match, sure_match
from tandem.settings import Rule, Settings

NOT_LOGGED: Final = frozenset({"text_chars", "documents"})
"""What rules may ask and the ledger does not hold."""
_RUN_PRIVATE: Final = "the LLM is public and this run is private only"
_BY_SETTINGS: Final = "asked by the task's settings"
BARRED: Final = "a budget is spent"


class Course(NamedTuple):
    """A decision. `unknown` says why there is none; `refused` that the policy refuses."""

    tier: TierName = "slm"
    may_escalate: bool = True
    quality: float | None = None
    refused: str = ""
    unread: bool = False
    """It is refused before its task is read."""
    unknown: str = ""


@dataclass(frozen=True)
class Courses:
    """The courses of the runs of one task.

    Parameters
    ----------
    old, new: the task as either settings make it.
    """

    changes: Changes
    old: Task
    new: Task

    def of(self, run: LoggedRun, barred: bool) -> Course:
        """The course under the new settings, where the budget is spent or not.

        Where nothing that decides on it differs, it is the logged one.
        """
        logged = _logged(run)._replace(quality=self._asked(run, self.changes.new))
        was_barred = _barred_at_first(run)
        if barred == was_barred and not self.changes.touches(*_deciding(run.task)):
            return logged
        after = self._decided(run, self.changes.new, self.new, barred)
        before = self._decided(run, self.changes.old, self.old, was_barred)
        if after.unknown or before.unknown:
            return Course(unknown=after.unknown or before.unknown)
        if _alike(before, after):
            return logged
        if run.latency == "realtime" and run.deadline_ms and not after.refused:
            return Course(unknown="how fast the tiers were at that moment decides under a deadline")
        if not _alike(before, logged):
            return Course(unknown="it was decided by other settings than the present ones")
        return after

    def _decided(self, run: LoggedRun, settings: Settings, task: Task, barred: bool) -> Course:
        quality = self._asked(run, settings)
        facts = _facts(run, quality)
        rule = sure_match(settings.policy, facts, NOT_LOGGED)
        if rule is None and (open_to := next(may_match(settings.policy, facts, NOT_LOGGED), None)):
            return Course(unknown=f"rule {open_to.name!r} asks for what the ledger does not hold")
        if rule is not None and rule.refuse:
            early = sure_match(settings.policy, facts, NOT_LOGGED | UNREAD)
            return Course(quality=quality, refused=rule.refuse, unread=early is not None)
        access = self._access(run, settings, rule, barred)
        if isinstance(access, str):
            return Course(unknown=access)
        profile = _profile(run)
        own = settings.tasks.get(run.task)
        first: TierName = (own and own.first_tier) or task.first_tier
        begun = start(profile, first, rule, settings.policy.llm_above)
        made = decide(profile, task.node, begun, access, rule)
        return Course(made["tier"], made["may_escalate"], quality)

    def _asked(self, run: LoggedRun, settings: Settings) -> float | None:
        """The quality that is asked: the request's own stays, the settings' is theirs."""
        own = settings.tasks.get(run.task)
        by_request = run.quality is not None and not any(
            reason.endswith(_BY_SETTINGS) for reason in run.reasons
        )
        return run.quality if by_request else own.quality if own else None

    def _access(
        self, run: LoggedRun, settings: Settings, rule: Rule | None, barred: bool
    ) -> LlmAccess | str:
        """What may see it; a text says why that cannot be known."""
        private = all(settings.models[name].private for name in settings.chain("llm", run.task))
        seen = settings.privacy.public_may_see
        access = LlmAccess(
            private, seen, _RUN_PRIVATE in run.reasons, BARRED if barred else ""
        ).tightened(rule)
        open_by_rest = private or run.sensitivity in access.public_may_see or access.private_only
        if barred or open_by_rest or not _may_redact(settings):
            return access
        return "what redaction leaves of its sensitivity is not in the ledger"


def _deciding(task: str) -> tuple[str, ...]:
    """The settings that decide on a run of `task` before anything is tried."""
    own = (f"tasks.{task}.{key}" for key in ("first_tier", "escalation", "quality", "llm"))
    common = ("policy.rules*", "policy.llm_above", "privacy.public_may_see*", "tiers.llm*")
    return (*own, *common, "models.*.private")


def _logged(run: LoggedRun) -> Course:
    if run.error_code == "policy_refused":
        return Course(refused="refused")
    return Course(cast("TierName", run.first_tier or "slm"), bool(run.may_escalate))


def _alike(one: Course, other: Course) -> bool:
    if one.refused or other.refused:
        return bool(one.refused) == bool(other.refused)
    return (one.tier, one.may_escalate) == (other.tier, other.may_escalate)


def _may_redact(settings: Settings) -> bool:
    return any(mode != "block" for mode in settings.privacy.leave.values())


def _barred_at_first(run: LoggedRun) -> bool:
    """Whether a spent budget kept it from the LLM from the start, by its reasons."""
    return run.budget_told and not run.may_escalate


def _facts(run: LoggedRun, quality: float | None) -> Facts:
    profile = _profile(run)
    return Facts(
        task=run.task,
        tenant=run.tenant,
        sensitivity=profile["sensitivity"],
        latency=profile["latency"],
        complexity=run.complexity,
        quality=quality,
        deadline_ms=run.deadline_ms,
        text_chars=0,
        documents=0,
    )


def _profile(run: LoggedRun) -> Profile:
    return {
        "task": run.task,
        "task_confidence": 1.0,
        "complexity": run.complexity,
        "sensitivity": cast("Sensitivity", run.sensitivity),
        "evidence": [],
        "latency": "realtime" if run.latency == "realtime" else "async",
        "deadline_ms": run.deadline_ms,
        "quality": run.quality,
        "tenant": run.tenant,
        "reasons": [],
    }
