"""What an audit tells, JSON-plain. Money is in `currency`, times in seconds, shares from 0 to 1."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from tandem.loop.audit.counts import LogRead

Destination = Literal[
    "SLM", "SLM with check", "LLM", "private only", "refused by a rule", "not known"
]


class Range(TypedDict):
    """A figure with its 95 % interval; exact where `low` and `high` are the same."""

    value: float
    low: float
    high: float
    n: int
    """Rows that it comes from."""


class Need(TypedDict):
    """Whether somebody waits for the answers, and how that is known."""

    latency: str
    why: str


class Saving(TypedDict):
    """What the SLM in front of the LLM would save, over the log's period."""

    value: float
    low: float
    high: float
    slm_cost: float
    """Of one row."""
    break_even: float
    """Share of rows that the SLM must answer for the saving to begin."""


class Acceptance(TypedDict):
    """Share of rows that the SLM answers without the LLM."""

    value: float
    low: float
    high: float
    known: bool
    source: str


class Workload(TypedDict):
    """One line of the report."""

    name: str
    told_by: str
    """What makes it one: a system prompt, a declared task, or texts that are alike."""
    prompt: str
    """The system prompt's hash; empty: none."""
    task: str
    task_share: float | None
    rows: Range
    spend: Range | None
    """None: no row has a price."""
    unpriced: float
    """Share of rows without a price; they are in no sum."""
    errors: float
    input_tokens: float
    """Of a row, on average; `output_tokens` likewise."""
    output_tokens: float
    sensitive: Range
    levels: dict[str, int]
    """Sampled rows by sensitivity."""
    p50: float | None
    p95: float | None
    need: Need
    complexity: float | None
    destination: Destination
    goes: dict[str, float]
    """Share of sampled rows by where the policy sends each."""
    models: dict[str, int]
    acceptance: Acceptance | None
    saving: Saving | None
    rows_to_label: int | None
    """Labelled rows that would settle it; None: nothing to settle, or too many."""
    unknown: list[str]


class Totals(TypedDict):
    """Over all rows."""

    rows: int
    spend: float
    priced: int
    given: int
    """Rows with a cost of the log's own."""
    errors: int
    without_text: int
    input_tokens: int
    output_tokens: int
    estimated: int
    saving: Range | None
    first: str | None
    until: str | None


class Audit(TypedDict):
    """An audit. `workloads` come by the lower bound of their saving, the largest first."""

    made: str
    currency: str
    logs: list[LogRead]
    totals: Totals
    workloads: list[Workload]
    assumptions: list[str]
    unknown_models: dict[str, int]
    other_currencies: dict[str, int]
    no_saving: str
    """Why there is no saving of some workloads that have a price, in words; empty: there is."""
    pictures: list[str]
