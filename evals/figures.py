"""One policy's figures over the rows of a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tandem.evals.beside_llm import compute_of, model_seconds, speed_up, task_figures
from tandem.evals.evaluators import SUMMARY
from tandem.evals.result import Result, answered_by, asked_llm, quality_of, served
from tandem.evals.runner import FIRST_TRY, tried_again
from tandem.evals.spreads import latency, spread
from tandem.evals.summary import Escalation, Latency, PolicySummary, Spread


def policy_summary(
    policy: str,
    rows: Mapping[str, Result],
    llm: Mapping[str, Result],
    primary: Mapping[str, str],
    summary_scores: Sequence[str] = (),
) -> PolicySummary:
    """One policy's figures, its cost and seconds beside those of `llm`, the rows of `llm_only`."""
    results = list(rows.values())
    qualities = [quality_of(result, primary) for result in results]
    got = [quality_of(result, primary) for result in results if served(result)]
    codes = Counter(result["error"]["code"] for result in results if result["error"])
    cost = sum(result["cost"] for result in results)
    done = {row for row in rows if row in llm and not llm[row]["error"]}
    all_llm = sum(llm[row]["cost"] if row in done else rows[row]["all_llm_cost"] for row in rows)
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
        "all_llm_measured": bool(rows) and len(done) == len(rows),
        "cost_ratio": cost / all_llm if all_llm else None,
        **compute_of(rows, llm),
        "seconds": latency([result["seconds"] for result in results if not result["error"]]),
        "speed_up": speed_up(rows, llm),
        "seconds_by_tier": _by_tier(results),
        "tasks": task_figures(rows, llm, primary),
        "model_seconds": model_seconds(results),
        "tokens": _tokens(results),
        "overhead": latency([result["overhead"] for result in results]),
        "scores": _scores(results, summary_scores),
        "escalation": escalation(results),
        "leaks": sum(result["leaks"] for result in results),
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
        if (name := answered_by(result)) is not None:
            seconds.setdefault(name, []).append(result["seconds"])
    return {tier: latency(values) for tier, values in sorted(seconds.items())}


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
