"""What a run came to, JSON-plain: the report, the gate and the command's tables are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from typing_extensions import TypedDict

from tandem import stats
from tandem.evals.evaluators import SUMMARY
from tandem.evals.result import Result, asked_llm, served
from tandem.evals.runner import FIRST_TRY, tried_again
from tandem.evals.suite import Suite

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


def summarise(
    name: str,
    results: Sequence[Result],
    suites: Mapping[str, Suite],
    *,
    notices: Sequence[str] = (),
    currency: str = "USD",
    revision: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Summary:
    """The summary of a run. `results` hold each case at most once a policy; `suites` go by name."""
    groups = [
        group_of(suite, [one for one in results if one["suite"] == suite.name])
        for suite in suites.values()
    ]
    groups = [group for group in groups if group["n"]]
    if len(groups) > 1:
        groups.append(_over_all(suites, results))
    return {
        "format": FORMAT,
        "suite": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision,
        "settings": dict(settings or {}),
        "currency": currency,
        "notices": list(notices),
        "groups": groups,
    }


def group_of(suite: Suite, results: Sequence[Result]) -> Group:
    """The group of one suite."""
    primary = {suite.name: suite.primary}
    summary_scores = [name for name in suite.evaluators if name in SUMMARY]
    return _group(suite.name, suite.task, primary, results, summary_scores)


def _over_all(suites: Mapping[str, Suite], results: Sequence[Result]) -> Group:
    primary = {suite.name: suite.primary for suite in suites.values()}
    return _group(ALL, ALL, primary, results, [])


def _group(
    name: str,
    task: str,
    primary: Mapping[str, str],
    results: Sequence[Result],
    summary_scores: Sequence[str],
) -> Group:
    by_policy: dict[str, dict[str, Result]] = {}
    for result in results:
        row = f"{result['suite']}/{result['id']}"
        by_policy.setdefault(result["policy"], {})[row] = result
    if oracle := oracle_of(by_policy, primary):
        by_policy[ORACLE] = oracle
    llm = by_policy.get("llm_only", {})
    return {
        "suite": name,
        "task": task,
        "primary": primary.get(name, "each suite's own"),
        "n": max((len(rows) for rows in by_policy.values()), default=0),
        "policies": [
            policy_summary(policy, rows, llm, primary, summary_scores)
            for policy, rows in by_policy.items()
        ],
        "comparisons": _comparisons(by_policy, primary),
    }


def quality_of(result: Result, primary: Mapping[str, str]) -> float:
    """The primary score; 0 where nothing was served."""
    score = result["scores"].get(primary[result["suite"]]) if served(result) else 0.0
    return score or 0.0


def oracle_of(
    by_policy: Mapping[str, Mapping[str, Result]], primary: Mapping[str, str]
) -> dict[str, Result]:
    """For each row the cheapest tier that was at least as right as the other: what no router beats.

    Empty unless both `slm_only` and `llm_only` were run.
    """
    slm, llm = by_policy.get("slm_only", {}), by_policy.get("llm_only", {})
    return {
        row: {
            **min(
                (slm[row], llm[row]),
                key=lambda result: (-quality_of(result, primary), result["cost"]),
            ),
            "policy": ORACLE,
        }
        for row in slm
        if row in llm
    }


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
        "seconds": latency([result["seconds"] for result in results]),
        "seconds_by_tier": _by_tier(results),
        "model_seconds": _model_seconds(results),
        "tokens": _tokens(results),
        "overhead": latency([result["overhead"] for result in results]),
        "scores": _scores(results, summary_scores),
        "escalation": escalation(results),
        "leaks": sum(result["leaks"] for result in results),
    }


def spread(values: Sequence[float]) -> Spread:
    """Mean and interval of scores from 0 to 1."""
    if not values:
        return {"mean": None, "low": None, "high": None, "n": 0}
    return _spread(stats.mean_interval(values))


def _spread(interval: stats.Interval) -> Spread:
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
    seconds: Counter[str] = Counter()
    for result in results:
        for step in result["route"]:
            seconds[step["tier"]] += step["seconds"]  # type: ignore[assignment]
    return dict(seconds)


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


def _comparisons(
    by_policy: Mapping[str, Mapping[str, Result]], primary: Mapping[str, str]
) -> list[PolicyComparison]:
    """`tandem` (or, without it, the first policy) with each of the others."""
    names = [name for name in by_policy if name != ORACLE]
    first = "tandem" if "tandem" in names else next(iter(names), "")
    made = []
    for other in names:
        shared = [row for row in by_policy[first] if row in by_policy[other]]
        if other == first or not shared:
            continue
        found = stats.compare(
            [quality_of(by_policy[first][row], primary) for row in shared],
            [quality_of(by_policy[other][row], primary) for row in shared],
        )
        made.append(_comparison(first, other, found))
    return made


def _comparison(a: str, b: str, found: stats.Comparison) -> PolicyComparison:
    return {
        "a": a,
        "b": b,
        "n": found.difference.n,
        "difference": _spread(found.difference),
        "p": found.p,
        "test": found.test,
        "finding": found.finding,
    }
