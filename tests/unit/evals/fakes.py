"""Tiers that answer by a rule, and the real services around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.evals.cache import AnswerCache
from tandem.evals.targets import Bench
from tandem.models.tier import CallContext, Completion, Prompt
from tandem.records import TierName, Usage
from tandem.settings import Cache, Settings
from tests.unit.fakes import FakeTierCall

Rule = Callable[[str], str | Completion | Exception]
"""From the last message to the answer."""


@dataclass
class RuleCall(FakeTierCall):
    rule: Rule = lambda text: text

    def complete(self, prompt: Prompt) -> Completion:
        self._replies = iter([self.rule(prompt.messages[-1]["content"])])
        return super().complete(prompt)


@dataclass
class RuleTier:
    """A Tier over a rule; counts its calls."""

    name: TierName
    rule: Rule
    private: bool = True
    calls: Any = ()
    bound: list[RuleCall] = field(default_factory=list)

    def bind(self, context: CallContext) -> RuleCall:
        call = RuleCall(name=self.name, rule=self.rule, purpose=context.purpose, calls=self.calls)
        self.bound.append(call)
        return call

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        return 0.001 * (usage["input_tokens"] + usage["output_tokens"])

    @property
    def asked(self) -> int:
        return sum(len(call.prompts) for call in self.bound)


@dataclass
class RulePool:
    """In place of the TierPool."""

    slm: RuleTier
    llm: RuleTier

    def tier(self, name: TierName, task: str = "") -> RuleTier:
        return self.slm if name == "slm" else self.llm

    def close(self) -> None:
        pass


def bench(folder: Path, pool: RulePool) -> Bench:
    """A Bench whose services reach the pool's tiers."""
    settings = Settings(home=folder, cache=Cache(dir=str(folder / "cache")))
    made = Bench(settings, AnswerCache(folder / "cache" / "answers.sqlite"), folder)
    for services in (made.services, made.baseline):
        services.__dict__["pool"] = pool
    return made
