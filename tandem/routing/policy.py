"""Where a request goes: a pure function of its profile, the task and what may leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tandem.privacy.egress import remaining
from tandem.records import Decision, Profile, Sensitivity, TierName

DEGRADED: Final = "degraded: the private SLM does a task that is the LLM's"
"""Marks a decision under which even an answer that passes the gates leaves as unverified."""


@dataclass(frozen=True)
class LlmAccess:
    """Whether the LLM may see requests of a run."""

    llm_is_private: bool
    public_may_see: tuple[Sensitivity, ...]
    private_only: bool = False

    def allows(self, sensitivity: Sensitivity) -> bool:
        """Whether a request of this sensitivity may go to the LLM."""
        if self.llm_is_private:
            return True
        return not self.private_only and sensitivity in self.public_may_see

    def why_not(self, sensitivity: Sensitivity) -> str:
        """The reason of a refusal, in words."""
        if self.private_only:
            return "the LLM is public and this run is private only"
        return f"the LLM is public and the request is {sensitivity}"


def decide(profile: Profile, node: str, first_tier: TierName, access: LlmAccess) -> Decision:
    """The node and tier of the first attempt, and whether the LLM may repair it.

    A task of the LLM that the LLM must not see is tried by the SLM and marked (DEGRADED).
    """
    level = remaining(profile)
    allowed = access.allows(level)
    reasons = [f"task {profile['task']} starts on the {first_tier.upper()}"]
    if not allowed:
        reasons.append(access.why_not(level))
    tier = first_tier
    if first_tier == "llm" and not allowed:
        tier = "slm"
        reasons.append(DEGRADED)
    return {"node": node, "tier": tier, "may_escalate": allowed, "reasons": reasons}
