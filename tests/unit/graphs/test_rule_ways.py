"""A rule answers alike on every tier: refused once, it is not asked for ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tandem.graphs.hybrid import build
from tandem.models.tier import TierCall
from tandem.nodes.rule import rule_attempt
from tandem.nodes.scored import ScoredTask
from tandem.nodes.stages import Judgement
from tandem.nodes.task import Prepared
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Verdict
from tests.unit.services import FakeServices


@dataclass(frozen=True)
class Stubborn:
    """A task that a rule answers; its gate refuses it or not."""

    refused: bool
    name: str = "stubborn"
    node: str = "stubborn"
    first_tier: TierName = "slm"

    def prepare(self, request: Request, profile: Profile) -> Prepared:
        return {}

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        return rule_attempt({"answer": "no page answers"})

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        return [GateFailure(gate="stubborn", detail="never")] if self.refused else []

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        return self.attempt(prepared, tier)


def test_a_rule_that_is_refused_twice_ends_the_run(tmp_path: Path) -> None:
    graph = build(FakeServices(tmp_path), tasks=[Stubborn(refused=True)]).compile()
    request = {"text": "Whatever.", "task": "stubborn"}
    answer = graph.invoke({"request": request}, {"recursion_limit": 12})["answer"]
    assert answer["status"] in {"failed", "needs_review"}
    assert [attempt["tier"] for attempt in answer["attempts"]] == ["rule", "rule"]


@pytest.mark.parametrize("escalation", ["guarantee", "never"])
def test_a_score_of_the_slm_says_nothing_of_a_rule(escalation: str) -> None:
    inner = Stubborn(refused=False)
    scored = ScoredTask(inner, {"escalation": escalation}, made=None)  # type: ignore[arg-type]
    attempt = rule_attempt({"answer": "no page answers"})
    assert scored.check({}, attempt) == []
    assert scored.judge({}, attempt) == Judgement()
