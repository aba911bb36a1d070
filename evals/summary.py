"""What a run came to, JSON-plain: the report, the gate and the command's tables are made of it.

`tandem.evals.summarise` makes it of results.
"""

from __future__ import annotations

from typing import Any, Final

from typing_extensions import TypedDict

FORMAT: Final = 1
ORACLE: Final = "oracle"
ALL: Final = "all"
"""Name of the group over all rows of a mixture."""


class Spread(TypedDict):
    """A mean with its 95 % interval; None where there is no value."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


class Latency(TypedDict):
    """Seconds of a request."""

    p50: float | None
    p95: float | None
    mean: float | None
    n: int


class Escalation(TypedDict):
    """How well the SLM's wrong outputs were told from its right ones.

    Right is a primary score of 1 (see `first_try`); an output counts as sent on where the gates
    rejected it, whether or not an LLM then saw it.
    """

    tried: int
    """Cases with a first output of the SLM (or of a rule)."""
    wrong: int
    rejected: int
    precision: float | None
    """Of the rejected outputs, the share that was wrong."""
    recall: float | None
    """Of the wrong outputs, the share that was rejected."""


class PolicySummary(TypedDict):
    """A policy over the rows of a group."""

    policy: str
    n: int
    errors: dict[str, int]
    """Rows that ended by an error, by its code; they count as wrong."""
    unfinished: int
    """Of these, rows that the next run tries again."""
    quality: Spread
    """Mean of the primary score over all rows; a row that was not served counts 0."""
    served: float
    """Share of rows that got an answer (accepted or unverified)."""
    served_precision: Spread
    """Mean of the primary score over the served rows."""
    statuses: dict[str, int]
    llm_share: float
    """Share of rows on which the LLM worked."""
    cost: float
    all_llm_cost: float
    """What `llm_only` cost on the same rows; where it was not run, the rows' own estimates."""
    all_llm_measured: bool
    cost_ratio: float | None
    """cost / all_llm_cost."""
    compute_seconds: float
    """Seconds that models worked, of all tiers; on equal hardware, what the rows cost."""
    all_llm_seconds: float | None
    """The same of `llm_only` on the same rows; None where it was not run."""
    compute_ratio: float | None
    """compute_seconds / all_llm_seconds."""
    model_calls: dict[str, int]
    """Answered model calls by tier."""
    seconds: Latency
    seconds_by_tier: dict[str, Latency]
    """By the tier that gave what was served."""
    model_seconds: dict[str, float]
    """Compute seconds by tier, summed over all rows."""
    tokens: dict[str, dict[str, int]]
    """By tier: `input` and `output` tokens."""
    overhead: Latency
    """Tandem's own seconds a request."""
    scores: dict[str, Spread]
    """Every evaluator's mean over the rows that it applies to; and the run's (macro_f1)."""
    escalation: Escalation
    leaks: int


class PolicyComparison(TypedDict):
    """Two policies on the same rows, by the primary score."""

    a: str
    b: str
    n: int
    difference: Spread
    """Quality of a minus quality of b."""
    p: float
    test: str
    finding: str
    """What a is, compared with b: better, worse, or inside the noise."""


class Group(TypedDict):
    """The rows of one suite, or all rows of a mixture (suite and task are then "all")."""

    suite: str
    task: str
    primary: str
    n: int
    policies: list[PolicySummary]
    comparisons: list[PolicyComparison]


class Summary(TypedDict):
    """A run."""

    format: int
    suite: str
    created: str
    """ISO time, UTC."""
    revision: str
    settings: dict[str, Any]
    """What tells the configuration: see `configuration`."""
    currency: str
    notices: list[str]
    """What was skipped, and why."""
    groups: list[Group]
