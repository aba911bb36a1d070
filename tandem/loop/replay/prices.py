"""What logged usage costs at other prices: to the last digit where the ledger tells who answered.

A price that is the same before and after leaves the logged cost as it is. Seconds that were charged
are not logged; where the old price counted seconds they are what is left of the cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

from tandem.loop.replay.logged import LoggedAttempt
from tandem.models.presets import apply_preset
from tandem.models.prices import Tariff, tariff
from tandem.records import TierName, Usage
from tandem.settings import Settings

_TIERS: Final = frozenset({"slm", "llm"})
_NEAR: Final = 1e-9


class Priced(NamedTuple):
    """A cost; `unknown` says why it could not be computed (the logged cost stands in)."""

    cost: float
    unknown: str = ""


@dataclass(frozen=True)
class Prices:
    """Prices before and after."""

    old: Settings
    new: Settings
    _kept: dict[tuple[bool, str], Tariff] = field(default_factory=dict)

    def of(self, attempt: LoggedAttempt, task: str) -> Priced:
        """What `attempt`, of a run of `task`, would cost."""
        if attempt.tier not in _TIERS or not attempt.calls:
            return Priced(attempt.cost)
        tier = cast("TierName", attempt.tier)
        names = self._who(attempt, tier, task)
        ways = {self._repriced(attempt, *pair) for pair in self._pairs(names, tier, task)}
        if len(ways) == 1:
            return ways.pop()
        why = "which model of the tier's chain answered is not known, and their prices differ"
        return Priced(attempt.cost, why)

    def llm(self, usage: Usage, task: str) -> float:
        """What such a call of the LLM would cost under the new settings, seconds apart."""
        return self._now(self.new.chain("llm", task)[0]).cost(usage)

    def _then(self, name: str) -> Tariff:
        return self._tariff(False, name)

    def _now(self, name: str) -> Tariff:
        return self._tariff(True, name)

    def _tariff(self, new: bool, name: str) -> Tariff:
        if (new, name) not in self._kept:
            models = (self.new if new else self.old).models
            self._kept[new, name] = tariff(apply_preset(models[name]).price)
        return self._kept[new, name]

    def _who(self, attempt: LoggedAttempt, tier: TierName, task: str) -> list[str]:
        """The models of the old chain that may have answered, by name or by what it cost."""
        chain = list(self.old.chain(tier, task))
        if len(chain) == 1:
            return chain
        named = [name for name in chain if attempt.model in (name, self.old.models[name].model)]
        if len(named) == 1:
            return named
        return [name for name in chain if _explains(self._then(name), attempt)] or chain

    def _pairs(self, names: list[str], tier: TierName, task: str) -> set[tuple[Tariff, Tariff]]:
        """The old and the new price of each model that may have answered; the new chain's first
        stands for one that is gone."""
        chain = self.new.chain(tier, task)
        return {
            (self._then(name), self._now(name if name in chain else chain[0])) for name in names
        }

    def _repriced(self, attempt: LoggedAttempt, old: Tariff, new: Tariff) -> Priced:
        if old == new:
            return Priced(attempt.cost)
        usage: Usage = {
            "input_tokens": attempt.input_tokens,
            "output_tokens": attempt.output_tokens,
        }
        if not new.per_second:
            return Priced(new.cost(usage))
        if not old.per_second:
            why = "the seconds that would be charged are those of the attempt, waiting included"
            return Priced(new.cost(usage, attempt.seconds), why)
        seconds = (attempt.cost - old.cost(usage)) / old.per_second
        if not -_NEAR <= seconds <= attempt.seconds * (1 + _NEAR) + _NEAR:
            return Priced(attempt.cost, "it was charged at other prices than the present ones")
        return Priced(new.cost(usage, max(0.0, seconds)))


def _explains(prices: Tariff, attempt: LoggedAttempt) -> bool:
    usage: Usage = {
        "input_tokens": attempt.input_tokens,
        "output_tokens": attempt.output_tokens,
    }
    least = prices.cost(usage)
    if not prices.per_second:
        return math.isclose(least, attempt.cost, rel_tol=_NEAR, abs_tol=1e-15)
    return least - 1e-12 <= attempt.cost <= prices.cost(usage, attempt.seconds) + 1e-12
