"""The report's tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tandem.evals.failures import Confusion, Failure
from tandem.evals.summary import ALL, ORACLE, Group, PolicySummary, Spread

_MOST_LABELS: Final = 12
"""Of a larger confusion matrix the most frequent confusions are listed; the JSON holds it whole."""
_MOST_PAIRS: Final = 10


def group_text(group: Group) -> str:
    """A group's table, comparisons and remarks."""
    llm = next((one for one in group["policies"] if one["policy"] == "llm_only"), None)
    rows = [_row(policy, llm) for policy in group["policies"]]
    head = (
        "policy",
        "n",
        f"quality ({group['primary']})",
        "served",
        "right of served",
        "LLM asked",
        "LLM calls",
        "list price",
        "compute",
        "p50 s",
        "p95 s",
        "p50 speed-up",
    )
    title = "All rows" if group["suite"] == ALL else f"{group['suite']} ({group['task']})"
    lines = [f"## {title}", "", *_table(head, rows), "", *_remarks(group)]
    return "\n".join(lines).rstrip()


def _row(policy: PolicySummary, llm: PolicySummary | None) -> list[str]:
    calls = policy["model_calls"]
    total = calls.get("slm", 0) + calls.get("llm", 0)
    about = "" if policy["all_llm_measured"] else "~"
    fast, slow = policy["seconds"]["p50"], llm["seconds"]["p50"] if llm else None
    return [
        policy["policy"],
        str(policy["n"]),
        _spread(policy["quality"]),
        f"{policy['served']:.1%}",
        _spread(policy["served_precision"]),
        f"{policy['llm_share']:.1%}",
        f"{calls.get('llm', 0) / total:.1%}" if total else "-",
        _ratio(policy["cost_ratio"], about),
        _ratio(policy["compute_ratio"]),
        _seconds(fast),
        _seconds(policy["seconds"]["p95"]),
        f"{slow / fast:.1f}x" if fast and slow else "-",
    ]


def _remarks(group: Group) -> Iterable[str]:
    for one in group["comparisons"]:
        yield (
            f"- {one['a']} against {one['b']} on {one['n']} rows: "
            f"{_signed(one['difference'])}, {one['finding']} (p = {one['p']:.3f}, {one['test']})"
        )
    for policy in group["policies"]:
        if policy["policy"] in ("slm_only", "llm_only", ORACLE):
            continue
        caught = policy["escalation"]
        if caught["tried"]:
            yield (
                f"- {policy['policy']}: of {caught['tried']} first outputs {caught['wrong']} were "
                f"wrong and {caught['rejected']} rejected; precision "
                f"{_share(caught['precision'])}, recall {_share(caught['recall'])}"
            )
        if (gain := _over_random(policy, group)) is not None:
            yield f"- {policy['policy']}: {gain:+.3f} over random mixing at the same cost"
    for policy in group["policies"]:
        if policy["errors"]:
            told = ", ".join(f"{code} {count}" for code, count in policy["errors"].items())
            yield f"- {policy['policy']}: errors (counted as wrong): {told}"


def _over_random(policy: PolicySummary, group: Group) -> float | None:
    """Quality above what a random mixture of the two tiers has at the policy's cost: the mixture
    asks the LLM for the share that makes it cost as much. None where the ends were not run, or the
    cost lies outside of theirs."""
    ends = {one["policy"]: one for one in group["policies"]}
    slm, llm = ends.get("slm_only"), ends.get("llm_only")
    if slm is None or llm is None or not slm["n"] == llm["n"] == policy["n"]:
        return None
    low, high, mine = slm["quality"]["mean"], llm["quality"]["mean"], policy["quality"]["mean"]
    span = llm["cost"] - slm["cost"]
    if low is None or high is None or mine is None or span <= 0:
        return None
    share = (policy["cost"] - slm["cost"]) / span
    return mine - (low + share * (high - low)) if 0 <= share <= 1 else None


def confusion_text(matrix: Confusion) -> str:
    """A confusion matrix as a table, where it is small enough to be read."""
    title = f"## Confusion: {matrix['suite']} under {matrix['policy']}"
    if len(matrix["labels"]) > _MOST_LABELS:
        head = ("expected", "given", "rows")
        return "\n".join([title, "", *_table(head, _most_confused(matrix))])
    rows = [
        [f"**{label}**", *(str(count) if count else "" for count in counts)]
        for label, counts in zip(matrix["labels"], matrix["counts"], strict=True)
        if any(counts)
    ]
    return "\n".join([title, "", *_table(("expected \\ given", *matrix["labels"]), rows)])


def _most_confused(matrix: Confusion) -> list[list[str]]:
    labels = matrix["labels"]
    pairs = [
        (count, labels[down], labels[across])
        for down, row in enumerate(matrix["counts"])
        for across, count in enumerate(row)
        if count and down != across
    ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return [[expected, given, str(count)] for count, expected, given in pairs[:_MOST_PAIRS]]


def failures_text(failures: Sequence[Failure], policy: str) -> str:
    """The worst rows of a policy."""
    title = f"## Worst rows of {policy}: served wrong ones first"
    if not failures:
        return f"{title}\n\nNone."
    rows = [
        [
            f"{one['suite']}/{one['id']}",
            f"{one['status']} by {one['tier']}",
            f"{one['quality']:.2f}",
            one["expected"],
            one["got"],
            "; ".join(one["reasons"]),
        ]
        for one in failures
    ]
    return "\n".join(
        [title, "", *_table(("row", "status", "quality", "expected", "got", "why"), rows)]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    marks = ["---"] * len(head)
    return [f"| {' | '.join(map(_cell, row))} |" for row in (head, marks, *rows)]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _spread(spread: Spread) -> str:
    if spread["mean"] is None:
        return "-"
    if spread["low"] is None or spread["high"] is None:
        return f"{spread['mean']:.3f}"
    return f"{spread['mean']:.3f} ({spread['low']:.3f}-{spread['high']:.3f})"


def _signed(spread: Spread) -> str:
    if spread["mean"] is None or spread["low"] is None or spread["high"] is None:
        return "-"
    return f"{spread['mean']:+.3f} ({spread['low']:+.3f} to {spread['high']:+.3f})"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _ratio(ratio: float | None, about: str = "") -> str:
    return "-" if ratio is None else f"{about}{ratio:.1%}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
