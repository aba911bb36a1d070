"""From results to a summary: groups, the oracle, and policies compared row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tandem import stats
from tandem.evals.curve import ENDS, mixing_of
from tandem.evals.evaluators import SUMMARY
from tandem.evals.figures import policy_summary
from tandem.evals.result import Result, quality_of
from tandem.evals.spreads import spread_of
from tandem.evals.suite import Suite
from tandem.evals.summary import ALL, FORMAT, ORACLE, Group, PolicyComparison, Summary


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
        "mixing": mixing_of(by_policy, primary, [name for name in by_policy if name not in ENDS]),
    }


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
        "difference": spread_of(found.difference),
        "p": found.p,
        "test": found.test,
        "finding": found.finding,
    }
