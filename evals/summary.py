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
NO_MODEL: Final = "no model"
"""In place of a tier: the answer needed no model (no passage was found, a rule answered)."""


class Spread(TypedDict):
    """A mean with its 95 % interval; None where there is no value."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


class Latency(TypedDict):
    """Seconds of a request: quantiles and mean; None where there is no value."""

    p05: float | None
    p25: float | None
    p50: float | None
    p75: float | None
    p95: float | None
    mean: float | None
    n: int


class TaskFigures(TypedDict):
    """A policy over the rows of one task."""

    n: int
    quality: Spread
    llm_share: float
    seconds: Latency
    speed_up: float | None
    """See PolicySummary."""


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
    """What `llm_only` cost on the same rows; of rows that it did not do, their own estimates."""
    all_llm_measured: bool
    """Whether `llm_only` did all of these rows."""
    cost_ratio: float | None
    """cost / all_llm_cost."""
    compute_seconds: float
    """Seconds that models worked, of all tiers; on equal hardware, what the rows cost."""
    all_llm_seconds: float | None
    """The same of `llm_only`, on those of these rows that it did; None where it did none."""
    compute_ratio: float | None
    """Compute seconds, relative to those of `llm_only`, on the rows that both did."""
    compared_n: int
    """How many of these rows `llm_only` did without an error."""
    model_calls: dict[str, int]
    """Answered model calls by tier."""
    llm_call_share: float | None
    """Of the model calls, the share that the LLM answered."""
    seconds: Latency
    """Of a request, over the rows that ended without an error."""
    speed_up: float | None
    """Median seconds of `llm_only`, over the policy's, on the rows that both did."""
    seconds_by_tier: dict[str, Latency]
    """By the tier that gave what was served; NO_MODEL where no model was asked."""
    tasks: dict[str, TaskFigures]
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


class Curve(TypedDict):
    """A policy's point between the SLM and the LLM alone, and the curve through the three.

    Measured: the three points, on the rows that all three did. Computed: the straight lines between
    them, which are what random mixing of neighbours gives.
    """

    policy: str
    n: int
    llm_share: float
    """Share of rows on which the LLM worked; `llm_only` counts as 1."""
    quality: float
    over_random: float | None
    """Quality above random mixing of SLM and LLM at the same cost; None outside of their costs."""
    apgr: Spread
    """Average performance gap recovered: the area under the curve, 0 for the SLM's quality
    throughout, 1 for the LLM's, 0.5 for random mixing. Empty where the LLM is not better."""
    cpt50: float | None
    """The smallest share at which the curve has 50 % of the LLM's gain over the SLM."""
    cpt80: float | None


class Mixing(TypedDict):
    """What lies between `slm_only` and `llm_only`, on the rows that both did."""

    n: int
    slm_quality: float
    llm_quality: float
    finding: str
    """What the LLM is, compared with the SLM."""
    break_even_cost: float | None
    """An SLM-first cascade costs less than the LLM alone while it sends on less than this share."""
    break_even_compute: float | None
    """The same in compute seconds."""
    curves: list[Curve]


class Group(TypedDict):
    """The rows of one suite, or all rows of a mixture (suite and task are then "all")."""

    suite: str
    task: str
    primary: str
    n: int
    policies: list[PolicySummary]
    comparisons: list[PolicyComparison]
    mixing: Mixing | None
    """None unless `slm_only` and `llm_only` were run."""


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
