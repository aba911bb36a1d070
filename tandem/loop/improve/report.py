"""The report of a run: counts, figures and words; no text of any request."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from tandem.loop.improve.clusters import Cluster

State = Literal[
    "changed", "would change", "to be put in force", "refused", "too few rows", "not decided"
]


class HeadReport(TypedDict):
    """The retrained head against what is in force. Intervals are [mean, low, high, n]."""

    champion: dict[str, Any]
    challenger: dict[str, Any]
    right: dict[str, Any]
    accepted: dict[str, Any]
    head_alone: list[float]


class AdapterReport(TypedDict):
    """The adapter: its name and the duel (see tandem/loop/challenge.py), or why there is none."""

    name: str
    won: bool
    why: str
    duel: dict[str, Any]
    whole: HeadReport | None
    """Where it won: calibrated with it, against all that is in force."""


class SlotReport(TypedDict):
    """One task and label set."""

    task: str
    labels: list[str]
    people: int
    llm: int
    unlabelled: int
    new: int
    repeats: int
    contradictory: int
    judged_by: str
    learn: dict[str, int]
    """Rows to learn from, by who labelled them."""
    certify: int
    judge: int
    leaked: int
    missing: int
    """Judging rows that are wanting; 0: enough."""
    tries: int
    """Comparisons on these judging rows, this one among them."""
    level: float
    """How often the comparison of a candidate may err; see tandem/loop/series.py."""
    llm_agreement: list[float] | None
    head: HeadReport | None
    adapter: AdapterReport | None
    state: State
    why: str
    promise: str
    notes: list[str]


class Labelling(TypedDict):
    """What the LLM was asked for labels; `cost` in the report's currency."""

    budget: float
    cost: float
    asked: int
    kept: int
    refused: int
    left: int
    notes: list[str]


class Report(TypedDict):
    """A run."""

    made: str
    applied: bool
    currency: str
    since: dict[str, str]
    collected: dict[str, int]
    new: int
    labelling: Labelling
    failures: list[Cluster]
    not_learnt_from: dict[str, int]
    """By task without labels, its failed or judged runs: neither clustered nor learnt from."""
    slots: list[SlotReport]
