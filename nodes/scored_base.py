"""What tasks under a calibration over signals have in common: the task itself, and the rules."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.models.tier import TierCall
from tandem.nodes.label_acceptance import Rules
from tandem.nodes.task import Prepared, Task
from tandem.records import Attempt, Profile, Request, TierName, Verdict


@dataclass(frozen=True)
class Scored:
    """`inner` does the work; what comes of it is judged by a score as well, under `rules`."""

    inner: Task
    rules: Rules

    @property
    def name(self) -> str:
        """See Task."""
        return self.inner.name

    @property
    def node(self) -> str:
        """See Task."""
        return self.inner.node

    @property
    def first_tier(self) -> TierName:
        """See Task."""
        return self.inner.first_tier

    def prepare(self, request: Request, profile: Profile) -> Prepared:
        return {**self.inner.prepare(request, profile), "asked_quality": profile.get("quality")}

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        return self.inner.attempt(prepared, tier)

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        return self.inner.repair(prepared, rejected, verdict, tier)

    def _target(self, prepared: Prepared) -> float:
        return prepared.get("asked_quality") or self.rules.target
