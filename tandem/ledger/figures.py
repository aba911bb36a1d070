"""One line of the ledger's report, and how its figures are added up from rows."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import TypedDict

TOP_GATES: Final = 10
_SERVED: Final = frozenset({"accepted", "unverified"})


class Quantiles(TypedDict):
    """Seconds; None where nothing was counted."""

    count: int
    p50: float | None
    p95: float | None


class Latency(TypedDict):
    """Of finished runs: all, and those that a tier answered."""

    all: Quantiles
    slm: Quantiles
    llm: Quantiles


class Tokens(TypedDict):
    """Tokens as the servers counted them."""

    input: int
    output: int


class GateCount(TypedDict):
    """How many attempts a gate rejected."""

    gate: str
    count: int


class TaskReport(TypedDict):
    """One task's figures, or the total's."""

    task: str
    runs: int
    sub_runs: int
    """Runs that an agent started for a part of its work; not among `runs`."""
    running: int
    """Not finished: under way, or their process was killed."""
    accepted: int
    unverified: int
    needs_review: int
    failed: int
    local_runs: int
    """Runs that a head or the SLM tried, whatever else they had."""
    escalated: int
    """Of these, the ones that went on to the LLM."""
    escalated_share: float | None
    answered_by: dict[str, int]
    """Served answers by origin: rule, head, slm, llm."""
    cost: float
    """Of all attempts, those of unfinished runs included."""
    finished_cost: float
    all_llm_cost: float
    """Of finished runs, as `finished_cost`."""
    saving: float
    """all_llm_cost - finished_cost; negative where the LLM alone would have been cheaper."""
    saving_share: float | None
    """`saving` as a share of all_llm_cost."""
    estimated_share: float | None
    """Share of all_llm_cost that is an estimate."""
    latency: Latency
    tokens: dict[str, Tokens]
    calls: dict[str, int]
    gates: list[GateCount]
    """The most frequent reasons of rejection."""
    errors: dict[str, int]


@dataclass
class Sum:
    """The running sums of one line of the report."""

    statuses: Counter[str] = field(default_factory=Counter)
    answered_by: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    gates: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    inputs: Counter[str] = field(default_factory=Counter)
    outputs: Counter[str] = field(default_factory=Counter)
    sub_runs: int = 0
    local_runs: int = 0
    escalated: int = 0
    cost: float = 0.0
    finished_cost: float = 0.0
    all_llm_cost: float = 0.0
    estimated: float = 0.0
    seconds: dict[str, array[float]] = field(
        default_factory=lambda: {kind: array("d") for kind in ("all", "slm", "llm")}
    )

    def add_run(self, row: Mapping[str, Any], money: bool) -> None:
        """`money`: whether its costs are in the report's currency."""
        if row["is_sub"]:
            self.sub_runs += 1
            return
        self.statuses[row["status"]] += 1
        self.local_runs += row["by_local"]
        self.escalated += row["by_local"] and row["by_llm"]
        if row["error_code"]:
            self.errors[row["error_code"]] += 1
        if row["status"] in _SERVED and row["tier"]:
            self.answered_by[row["tier"]] += 1
        if row["seconds"] is not None:
            self.seconds["all"].append(row["seconds"])
            if row["status"] in _SERVED and row["tier"] in self.seconds:
                self.seconds[row["tier"]].append(row["seconds"])
        if money and row["all_llm_cost"] is not None:
            self.all_llm_cost += row["all_llm_cost"]
            self.estimated += row["all_llm_cost"] if row["all_llm_estimated"] else 0.0

    def add_attempt(self, row: Mapping[str, Any], money: bool) -> None:
        """As add_run."""
        tier = row["tier"]
        self.calls[tier] += row["calls"]
        self.inputs[tier] += row["input_tokens"]
        self.outputs[tier] += row["output_tokens"]
        self.gates.update({each["gate"] for each in row["failed"] or ()})
        if money:
            self.cost += row["cost"]
            self.finished_cost += row["cost"] if row["finished"] is not None else 0.0

    def told(self, task: str) -> TaskReport:
        """The line, named `task`."""
        saving = self.all_llm_cost - self.finished_cost
        by_origin = {
            tier: Tokens(input=self.inputs[tier], output=self.outputs[tier])
            for tier in sorted(self.inputs)
        }
        return {
            "task": task,
            "runs": self.statuses.total(),
            "sub_runs": self.sub_runs,
            "running": self.statuses["running"],
            "accepted": self.statuses["accepted"],
            "unverified": self.statuses["unverified"],
            "needs_review": self.statuses["needs_review"],
            "failed": self.statuses["failed"],
            "local_runs": self.local_runs,
            "escalated": self.escalated,
            "escalated_share": _share(self.escalated, self.local_runs),
            "answered_by": dict(sorted(self.answered_by.items())),
            "cost": self.cost,
            "finished_cost": self.finished_cost,
            "all_llm_cost": self.all_llm_cost,
            "saving": saving,
            "saving_share": _share(saving, self.all_llm_cost),
            "estimated_share": _share(self.estimated, self.all_llm_cost),
            "latency": {
                "all": _quantiles(self.seconds["all"]),
                "slm": _quantiles(self.seconds["slm"]),
                "llm": _quantiles(self.seconds["llm"]),
            },
            "tokens": by_origin,
            "calls": dict(sorted(self.calls.items())),
            "gates": _top(self.gates),
            "errors": dict(sorted(self.errors.items())),
        }


def _quantiles(seconds: array[float]) -> Quantiles:
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "p50": _quantile(ordered, 0.50),
        "p95": _quantile(ordered, 0.95),
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Linear interpolation between the two nearest (Hyndman and Fan's type 7, as numpy's)."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _top(counts: Mapping[str, int]) -> list[GateCount]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"gate": gate, "count": count} for gate, count in ranked[:TOP_GATES]]
