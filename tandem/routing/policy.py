"""Where a request goes: a pure function of its profile, the task, the policy and what may leave."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from tandem.privacy.egress import remaining
from tandem.records import Decision, Profile, Sensitivity, TierName
from tandem.routing.latency import Choice
from tandem.settings import Rule

DEGRADED: Final = "degraded: the private SLM does a task that is the LLM's"
"""Marks a decision under which even an answer of the SLM's that passes the gates leaves as
unverified."""
UNVERIFIED: Final = "unverified: "
"""Begins a reason, a decision's or a verdict's note, for which an answer that passes the gates
leaves as unverified, whoever gave it."""


@dataclass(frozen=True)
class LlmAccess:
    """Whether the LLM may see requests of a run.

    Parameters
    ----------
    barred: why it may not, whatever the request is (a spent budget); empty: it is not barred.
    """

    llm_is_private: bool
    public_may_see: tuple[Sensitivity, ...]
    private_only: bool = False
    barred: str = ""

    def allows(self, sensitivity: Sensitivity) -> bool:
        """Whether a request of this sensitivity may go to the LLM."""
        return not self.why_not(sensitivity)

    def why_not(self, sensitivity: Sensitivity) -> str:
        """The reason of a refusal, in words; empty where there is none."""
        if self.barred:
            return self.barred
        if self.llm_is_private:
            return ""
        if self.private_only:
            return "the LLM is public and this run is private only"
        if sensitivity not in self.public_may_see:
            return f"the LLM is public and the request is {sensitivity}"
        return ""

    def tightened(self, rule: Rule | None) -> LlmAccess:
        """What a rule leaves of it: as much, or less."""
        if rule is None:
            return self
        seen = self.public_may_see
        if rule.public_may_see is not None:
            seen = tuple(each for each in seen if each in rule.public_may_see)
        return replace(
            self, private_only=self.private_only or rule.private_only, public_may_see=seen
        )


@dataclass(frozen=True)
class Start:
    """The tier that a request starts on, and why."""

    tier: TierName
    reason: str


def start(profile: Profile, first_tier: TierName, rule: Rule | None, llm_above: float) -> Start:
    """The rule's tier, else the LLM above a complexity, else the task's own.

    Parameters
    ----------
    first_tier: the task's.
    llm_above: the policy's threshold, for rules that have none.
    """
    if rule and rule.first_tier:
        return Start(rule.first_tier, f"the rule starts on the {rule.first_tier.upper()}")
    own = rule.llm_above if rule else None
    threshold = llm_above if own is None else own
    complexity = profile["complexity"]
    if complexity is not None and complexity > threshold:
        return Start(
            "llm", f"complexity {complexity:.2f} is above {threshold:.2f}: starts on the LLM"
        )
    return Start(first_tier, f"task {profile['task']} starts on the {first_tier.upper()}")


def decide(
    profile: Profile,
    node: str,
    first: Start,
    access: LlmAccess,
    rule: Rule | None = None,
    in_time: Choice | None = None,
) -> Decision:
    """The node and tier of the first attempt, and whether the LLM may repair it.

    A task of the LLM that the LLM must not see, or for which it is too slow, is tried by the SLM
    and marked (DEGRADED).

    Parameters
    ----------
    access: what is left of it after the rule.
    in_time: what a deadline makes of `first`.
    """
    reasons = [f"rule {rule.name!r} matches"] if rule else []
    reasons.append(first.reason)
    tier = first.tier
    if in_time:
        tier = in_time.tier
        reasons.append(in_time.reason)
    # What would leave, once redaction has had its say.
    exposed = remaining(profile)
    if why_not := access.why_not(exposed):
        reasons.append(why_not)
        tier = "slm"
    if first.tier == "llm" and tier == "slm":
        reasons.append(DEGRADED)
    may_escalate = not why_not
    if may_escalate and rule and not rule.may_escalate:
        may_escalate = False
        reasons.append("the rule forbids escalation")
    return {
        "node": node,
        "tier": tier,
        "may_escalate": may_escalate,
        "private_only": access.private_only or bool(rule and exposed not in access.public_may_see),
        "reasons": reasons,
    }
