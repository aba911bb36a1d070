"""The policy: rules over what a request is, budgets, and what a deadline means.

`when` of a rule is a table, all of whose conditions must hold, or a list of such tables, of which
one must: an OR of ANDs. A rule can keep a request more private than the section on privacy does;
it has no key that could let more out.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from tandem.records import Latency, OnLate, Sensitivity, TierName
from tandem.settings.base import Section

NAME_FIELDS: Final = ("task", "tenant", "sensitivity", "latency")
NUMBER_FIELDS: Final = ("complexity", "quality", "deadline_ms", "text_chars", "documents")
INTEGER_FIELDS: Final = ("deadline_ms", "text_chars", "documents")
"""Of NUMBER_FIELDS, those that are whole numbers."""


def _listed(value: Any) -> Any:
    """One name or a list of names stands for `{ any = [...] }`."""
    if isinstance(value, str):
        return {"any": [value]}
    return {"any": value} if isinstance(value, list | tuple) else value


def _exactly(value: Any) -> Any:
    """A bare number stands for that number alone."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"at_least": value, "at_most": value}
    return value


def _alternatives(value: Any) -> Any:
    if value in ([], ()):
        raise ValueError("an empty list would match every request; leave `when` out to mean that")
    return [value] if isinstance(value, dict) else value


class Names(Section):
    """Holds for these names, or with `but` for all but these."""

    any: tuple[str, ...] | None = None
    but: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Names:
        if (self.any is None) == (self.but is None):
            raise ValueError("give one of `any` (these) and `but` (all but these)")
        return self


class Sensitivities(Names):
    """Names that are sensitivities."""

    any: tuple[Sensitivity, ...] | None = None
    but: tuple[Sensitivity, ...] | None = None


class Latencies(Names):
    """Names that are latency classes."""

    any: tuple[Latency, ...] | None = None
    but: tuple[Latency, ...] | None = None


class Range(Section):
    """Holds for numbers within all bounds that are given; never for a number that is not known."""

    above: float | None = Field(default=None, allow_inf_nan=False)
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _bounded(self) -> Range:
        if all(value is None for value in (self.above, self.at_least, self.below, self.at_most)):
            raise ValueError("give at least one of above, at_least, below, at_most")
        return self


_Range = Annotated[Range | None, BeforeValidator(_exactly)]


class Conditions(Section):
    """What must hold, all of it; a field that is not named may be anything."""

    task: Annotated[Names | None, BeforeValidator(_listed)] = None
    tenant: Annotated[Names | None, BeforeValidator(_listed)] = None
    sensitivity: Annotated[Sensitivities | None, BeforeValidator(_listed)] = None
    latency: Annotated[Latencies | None, BeforeValidator(_listed)] = None
    complexity: _Range = None
    """Probability that the SLM will not do, 0 to 1."""
    quality: _Range = None
    """The asked share of right answers, the task's own where the request says none."""
    deadline_ms: _Range = None
    text_chars: _Range = None
    """Characters of the text, the earlier messages and the documents together."""
    documents: _Range = None
    """How many there are."""


class Rule(Section):
    """What is done with the requests that it is the first to match."""

    name: str = Field(min_length=1, max_length=80)
    when: Annotated[tuple[Conditions, ...], BeforeValidator(_alternatives)] = ()
    """Left out: the rule matches every request."""
    refuse: str = ""
    """What the caller is told; empty: the request is not refused."""
    first_tier: TierName | None = None
    llm_above: float | None = Field(default=None, ge=0, le=1)
    may_escalate: bool = True
    private_only: bool = False
    public_may_see: tuple[Sensitivity, ...] | None = None

    @model_validator(mode="after")
    def _refusal_alone(self) -> Rule:
        actions = self.model_fields_set - {"name", "when", "refuse"}
        if self.refuse and actions:
            raise ValueError(
                f"a rule that refuses decides nothing else; remove {', '.join(sorted(actions))}"
            )
        if not self.refuse and not actions:
            raise ValueError(
                "the rule decides nothing; give it an effect "
                "(an exception from later rules: may_escalate = true)"
            )
        return self


class Budgets(Section):
    """What may be spent in a day (UTC), in the settings' currency; `inf` is no bound."""

    per_day: float = Field(default=math.inf, ge=0)
    """All tenants together."""
    tenant_per_day: float = Field(default=math.inf, ge=0)
    """Each tenant that `tenants` does not name; requests without a tenant are one tenant."""
    tenants: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    when_spent: Literal["slm_only", "refuse"] = "slm_only"
    refresh_s: float = Field(default=1.0, ge=0)
    """How long a sum that was read from the ledger holds."""

    @property
    def bounded(self) -> bool:
        """Whether anything is bounded at all; otherwise the ledger is not asked."""
        amounts = (self.per_day, self.tenant_per_day, *self.tenants.values())
        return any(math.isfinite(amount) for amount in amounts)


class Deadlines(Section):
    """What a deadline means for the choice of a tier."""

    on_late: OnLate = "unverified"
    """For requests that say nothing else; see Request.on_late."""
    async_s: float = Field(default=900.0, gt=0)
    """For requests declared `async` that give no deadline."""
    least_samples: int = Field(default=20, ge=1)
    """Answers of a task and tier in the ledger below which its speed counts as unknown."""
    samples: int = Field(default=200, ge=1, le=10_000)
    """The last answers that a speed is measured on."""
    max_age_h: float = Field(default=24.0, gt=0)
    """Older answers do not count. A tier that is passed over as too slow makes no new ones: without
    an end to the old ones it would be passed over for good."""
    refresh_s: float = Field(default=30.0, ge=0)


class Policy(Section):
    """The policy."""

    rules: tuple[Rule, ...] = ()
    llm_above: float = Field(default=1.0, ge=0, le=1)
    """Complexity above which a request starts on the LLM."""
    slm_retries: int = Field(default=1, ge=0, le=5)
    """Further SLM attempts where a rejected answer may not go to the LLM."""
    retry_temperature: float = Field(default=0.3, ge=0, le=2)
    budgets: Budgets = Budgets()
    deadlines: Deadlines = Deadlines()

    @model_validator(mode="after")
    def _names_differ(self) -> Policy:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are called {name!r}")
        return self
