"""One policy's figures over the rows of a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from tandem import stats
from tandem.evals.evaluators import SUMMARY
from tandem.evals.result import Result, asked_llm, served
from tandem.evals.runner import FIRST_TRY, tried_again
from tandem.evals.summary import Escalation, Latency, PolicySummary, Spread


def quality_of(result: Result, primary: Mapping[str, str]) -> float:
    """The primary score; 0 where nothing was served."""
    score = result["scores"].get(primary[result["suite"]]) if served(result) else 0.0
    return score or 0.0


def policy_summary(
    policy: str,
    rows: Mapping[str, Result],
    llm: Mapping[str, Result],
    primary: Mapping[str, str],
    summary_scores: Sequence[str] = (),
) -> PolicySummary:
    """One policy's figures; `llm` are the rows of `llm_only`, for the cost."""
    results = list(rows.values())
    qualities = [quality_of(result, primary) for result in results]
    got = [quality_of(result, primary) for result in results if served(result)]
    codes = Counter(result["error"]["code"] for result in results if result["error"])
    cost = sum(result["cost"] for result in results)
    measured = bool(rows) and all(row in llm for row in rows)
    all_llm = sum((llm[row]["cost"] if measured else rows[row]["all_llm_cost"]) for row in rows)
    return {
        "policy": policy,
        "n": len(results),
        "errors": dict(codes),
        "unfinished": sum(tried_again(result) for result in results),
        "quality": spread(qualities),
        "served": len(got) / len(results) if results else 0.0,
        "served_precision": spread(got),
        "statuses": dict(Counter(result["status"] for result in results)),
        "llm_share": sum(map(asked_llm, results)) / len(results) if results else 0.0,
        "cost": cost,
        "all_llm_cost": all_llm,
        "all_llm_measured": measured,
        "cost_ratio": cost / all_llm if all_llm else None,
        **_compute(results, [llm[row] for row in rows] if measured else None),
        "seconds": latency([result["seconds"] for result in results]),
        "seconds_by_tier": _by_tier(results),
        "model_seconds": _model_seconds(results),
        "tokens": _tokens(results),
        "overhead": latency([result["overhead"] for result in results]),
        "scores": _scores(results, summary_scores),
        "escalation": escalation(results),
        "leaks": sum(result["leaks"] for result in results),
    }


class _Compute(TypedDict):
    compute_seconds: float
    all_llm_seconds: float | None
    compute_ratio: float | None
    model_calls: dict[str, int]


def _compute(results: Sequence[Result], llm: Sequence[Result] | None) -> _Compute:
    spent = sum(_model_seconds(results).values())
    all_llm = sum(_model_seconds(llm).values()) if llm else None
    calls: Counter[str] = Counter()
    for result in results:
        for step in result["route"]:
            if step["calls"]:
                calls[step["tier"]] += step["calls"]
    return {
        "compute_seconds": spent,
        "all_llm_seconds": all_llm,
        "compute_ratio": spent / all_llm if all_llm else None,
        "model_calls": dict(calls),
    }


def spread(values: Sequence[float]) -> Spread:
    """Mean and interval of scores from 0 to 1."""
    if not values:
        return {"mean": None, "low": None, "high": None, "n": 0}
    return spread_of(stats.mean_interval(values))


def spread_of(interval: stats.Interval) -> Spread:
    """An interval as plain data."""
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "n": interval.n}


def latency(seconds: Sequence[float]) -> Latency:
    """Quantiles of `seconds`."""
    return {
        "p50": stats.quantile(seconds, 0.5),
        "p95": stats.quantile(seconds, 0.95),
        "mean": sum(seconds) / len(seconds) if seconds else None,
        "n": len(seconds),
    }


def escalation(results: Sequence[Result]) -> Escalation:
    """See Escalation."""
    tried = wrong = rejected = both = 0
    for result in results:
        first = result["scores"].get(FIRST_TRY)
        if first is None:
            continue
        made = next(step for step in result["route"] if step["purpose"] == "answer")
        is_wrong, is_rejected = first < 1, made["accepted"] is not True
        tried += 1
        wrong += is_wrong
        rejected += is_rejected
        both += is_wrong and is_rejected
    return {
        "tried": tried,
        "wrong": wrong,
        "rejected": rejected,
        "precision": both / rejected if rejected else None,
        "recall": both / wrong if wrong else None,
    }


def _by_tier(results: Sequence[Result]) -> dict[str, Latency]:
    seconds: dict[str, list[float]] = {}
    for result in results:
        if result["tier"] is not None:
            seconds.setdefault(result["tier"], []).append(result["seconds"])
    return {tier: latency(values) for tier, values in sorted(seconds.items())}


def _model_seconds(results: Sequence[Result]) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for result in results:
        for step in result["route"]:
            seconds[step["tier"]] = seconds.get(step["tier"], 0.0) + step["seconds"]
    return seconds


def _tokens(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    tokens: dict[str, dict[str, int]] = {}
    for result in results:
        for step in result["route"]:
            counted = tokens.setdefault(step["tier"], {"input": 0, "output": 0})
            counted["input"] += step["usage"]["input_tokens"]
            counted["output"] += step["usage"]["output_tokens"]
    return tokens


def _scores(results: Sequence[Result], summary_scores: Sequence[str]) -> dict[str, Spread]:
    values: dict[str, list[float]] = {}
    for result in results:
        for name, score in result["scores"].items():
            if score is not None and name != FIRST_TRY:
                values.setdefault(name, []).append(score)
    scores = {name: _of_scores(found) for name, found in values.items()}
    for name in summary_scores:
        outputs: list[dict[str, Any]] = [{**result} for result in results]
        said = SUMMARY[name](outputs, [{"expected": result["expected"]} for result in results])
        scores[said["key"]] = {
            "mean": said["score"],
            "low": None,
            "high": None,
            "n": len(results),
        }
    return scores


def _of_scores(values: Sequence[float]) -> Spread:
    """Some evaluators (seconds, cost) give values beyond 1, for which there is no interval."""
    if min(values) < 0 or max(values) > 1:
        return {"mean": sum(values) / len(values), "low": None, "high": None, "n": len(values)}
    return spread(values)
