"""A policy beside the LLM alone: compute, calls and seconds, row by row on what both did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from typing_extensions import TypedDict

from tandem import stats
from tandem.evals.result import Result, asked_llm, quality_of
from tandem.evals.spreads import latency, spread
from tandem.evals.summary import TaskFigures

Rows = Mapping[str, Result]
"""Results by row."""


class Compute(TypedDict):
    """Part of a PolicySummary."""

    compute_seconds: float
    all_llm_seconds: float | None
    compute_ratio: float | None
    compared_n: int
    model_calls: dict[str, int]
    llm_call_share: float | None


def compute_of(rows: Rows, llm: Rows) -> Compute:
    """Model seconds and calls of `rows`, beside those of `llm_only`."""
    both = _both(rows, llm)
    all_llm = seconds_of_models([theirs for _, theirs in both])
    mine = seconds_of_models([own for own, _ in both])
    calls: Counter[str] = Counter()
    for result in rows.values():
        for step in result["route"]:
            if step["calls"]:
                calls[step["tier"]] += step["calls"]
    # A rule's step counts no call.
    asked = calls["slm"] + calls["llm"]
    return {
        "compute_seconds": seconds_of_models(list(rows.values())),
        "all_llm_seconds": all_llm if both else None,
        "compute_ratio": mine / all_llm if all_llm else None,
        "compared_n": len(both),
        "model_calls": {tier: count for tier, count in calls.items() if count},
        "llm_call_share": calls["llm"] / asked if asked else None,
    }


def speed_up(rows: Rows, llm: Rows) -> float | None:
    """Median seconds of `llm_only` over those of `rows`; None where no row was done by both."""
    both = _both(rows, llm)
    fast = stats.quantile([own["seconds"] for own, _ in both], 0.5)
    slow = stats.quantile([theirs["seconds"] for _, theirs in both], 0.5)
    return slow / fast if fast and slow else None


def task_figures(rows: Rows, llm: Rows, primary: Mapping[str, str]) -> dict[str, TaskFigures]:
    """The policy's figures by task."""
    tasks: dict[str, dict[str, Result]] = {}
    for row, result in rows.items():
        tasks.setdefault(result["task"], {})[row] = result
    return {
        task: {
            "n": len(own),
            "quality": spread([quality_of(result, primary) for result in own.values()]),
            "llm_share": sum(map(asked_llm, own.values())) / len(own),
            "seconds": latency(
                [result["seconds"] for result in own.values() if not result["error"]]
            ),
            "speed_up": speed_up(own, llm),
        }
        for task, own in tasks.items()
    }


def model_seconds(results: Sequence[Result]) -> dict[str, float]:
    """Seconds that models worked, by tier."""
    seconds: dict[str, float] = {}
    for result in results:
        for step in result["route"]:
            seconds[step["tier"]] = seconds.get(step["tier"], 0.0) + step["seconds"]
    return seconds


def seconds_of_models(results: Sequence[Result]) -> float:
    """Seconds that models worked."""
    return sum(model_seconds(results).values())


def _both(rows: Rows, llm: Rows) -> list[tuple[Result, Result]]:
    """The rows that both did without an error: an error's seconds say nothing of the work."""
    return [
        (own, llm[row])
        for row, own in rows.items()
        if row in llm and not own["error"] and not llm[row]["error"]
    ]
