"""The report's tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tandem.evals.curve import ENDS
from tandem.evals.failures import Confusion, Failure
from tandem.evals.figures_text import share_text, signed_text, spread_text, time_text
from tandem.evals.summary import ALL, ORACLE, Curve, Group, PolicySummary, Spread

_MOST_LABELS: Final = 12
"""Of a larger confusion matrix the most frequent confusions are listed; the JSON holds it whole."""
_MOST_PAIRS: Final = 10
_NOT_MEASURED: Final = "not measured"
_RECOVERED: Final = ("APGR", "CPT(50)", "CPT(80)")
_MIXING: Final = (
    "Measured: quality, and the share of rows on which the LLM worked (of those on which it worked "
    "under `llm_only`), on the rows that the SLM alone, the LLM alone and the policy did. "
    "Computed: the rest. *Break-even*: an SLM-first cascade costs less than the LLM alone while it "
    "sends on less than this share. *Over random*: above random mixing of the two at the same list "
    "price. *APGR*, the average performance gap recovered, is the area below the straight lines "
    "through SLM, policy and LLM (what random mixing of neighbours gives): 0.5 for random mixing. "
    "*CPT(x)* is the share at which they have x % of the LLM's gain: x % for random mixing. "
    "Neither is given where the LLM is not better than the SLM."
)


def group_text(group: Group) -> str:
    """A group's table, comparisons and remarks."""
    head = (
        "policy",
        "n",
        f"quality ({group['primary']})",
        "served",
        "right of served",
        "rows with LLM",
        "LLM's share of calls",
        "list price of all-LLM",
        "compute of all-LLM",
        "p50 s",
        "p95 s",
        "faster than LLM",
    )
    rows = [_row(policy) for policy in group["policies"]]
    lines = [f"## {_title(group)}", "", *_table(head, rows), "", *_remarks(group)]
    return "\n".join(lines).rstrip()


def _title(group: Group) -> str:
    return "All rows" if group["suite"] == ALL else f"{group['suite']} ({group['task']})"


def _row(policy: PolicySummary) -> list[str]:
    return [
        policy["policy"],
        str(policy["n"]),
        spread_text(policy["quality"]),
        f"{policy['served']:.1%}",
        spread_text(policy["served_precision"]),
        f"{policy['llm_share']:.1%}",
        share_text(policy["llm_call_share"]),
        _price(policy),
        _compute(policy),
        time_text(policy["seconds"]["p50"]),
        time_text(policy["seconds"]["p95"]),
        _times(policy["speed_up"]),
    ]


def _price(policy: PolicySummary) -> str:
    about = "" if policy["all_llm_measured"] else "~"
    return about + share_text(policy["cost_ratio"])


def _compute(policy: PolicySummary) -> str:
    ratio, n = policy["compute_ratio"], policy["compared_n"]
    if ratio is None:
        return _NOT_MEASURED
    return f"{ratio:.1%}" if n == policy["n"] else f"{ratio:.1%} (on {n})"


def _remarks(group: Group) -> Iterable[str]:
    for one in group["comparisons"]:
        yield (
            f"- {one['a']} against {one['b']} on {one['n']} rows: "
            f"{signed_text(one['difference'])}, {one['finding']} "
            f"({p_text(one['p'])}, {one['test']})"
        )
    for policy in group["policies"]:
        caught = policy["escalation"]
        if policy["policy"] not in (*ENDS, ORACLE) and caught["tried"]:
            yield (
                f"- {policy['policy']}: of {caught['tried']} first outputs {caught['wrong']} were "
                f"wrong and {caught['rejected']} rejected; precision "
                f"{share_text(caught['precision'])}, recall {share_text(caught['recall'])}"
            )
        if policy["errors"]:
            told = ", ".join(f"{code} {count}" for code, count in policy["errors"].items())
            yield f"- {policy['policy']}: errors (counted as wrong): {told}"
        if policy["leaks"]:
            yield f"- {policy['policy']}: {policy['leaks']} planted secrets reached a public model"


def p_text(p: float) -> str:
    """A p in words; never as 0, which none is."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def mixing_text(groups: Sequence[Group]) -> str:
    """What lies between the SLM and the LLM alone; empty where they were not both run."""
    mixed = [(_title(group), group["mixing"]) for group in groups if group["mixing"]]
    if not mixed:
        return ""
    ends = ("rows", "n", "SLM", "LLM", "the LLM is", "break-even (price)", "break-even (compute)")
    found = [
        [
            title,
            str(mixing["n"]),
            f"{mixing['slm_quality']:.3f}",
            f"{mixing['llm_quality']:.3f}",
            mixing["finding"],
            share_text(mixing["break_even_cost"]),
            share_text(mixing["break_even_compute"]),
        ]
        for title, mixing in mixed
    ]
    head = ("rows", "policy", "n", "rows with LLM", "quality", "over random", *_RECOVERED)
    curves = [[title, *_curve(curve)] for title, mixing in mixed for curve in mixing["curves"]]
    parts = ["## Between the SLM and the LLM alone", "", _MIXING, "", *_table(ends, found)]
    return "\n".join([*parts, "", *_table(head, curves)] if curves else parts)


def _curve(curve: Curve) -> list[str]:
    over = curve["over_random"]
    return [
        curve["policy"],
        str(curve["n"]),
        f"{curve['llm_share']:.1%}",
        f"{curve['quality']:.3f}",
        "-" if over is None else f"{over:+.3f}",
        _apgr(curve["apgr"]),
        share_text(curve["cpt50"]),
        share_text(curve["cpt80"]),
    ]


def _apgr(spread: Spread) -> str:
    """With "to", since the ends may be negative."""
    if spread["mean"] is None or spread["low"] is None or spread["high"] is None:
        return "-"
    return f"{spread['mean']:.3f} ({spread['low']:.3f} to {spread['high']:.3f})"


def costs_text(groups: Sequence[Group], currency: str) -> str:
    """Both costs in absolute figures: at list prices, and in compute seconds by tier."""
    head = (
        "rows",
        "policy",
        "n",
        f"list price ({currency})",
        f"all-LLM ({currency})",
        "SLM seconds",
        "LLM seconds",
        "rows compared",
        "all-LLM seconds on them",
    )
    rows = [
        [
            _title(group),
            policy["policy"],
            str(policy["n"]),
            f"{policy['cost']:.6f}",
            ("" if policy["all_llm_measured"] else "~") + f"{policy['all_llm_cost']:.6f}",
            f"{policy['model_seconds'].get('slm', 0.0):.1f}",
            f"{policy['model_seconds'].get('llm', 0.0):.1f}",
            str(policy["compared_n"]),
            _total(policy["all_llm_seconds"]),
        ]
        for group in groups
        for policy in group["policies"]
    ]
    return "\n".join(["## Costs: list prices and compute", "", *_table(head, rows)])


def _total(seconds: float | None) -> str:
    return _NOT_MEASURED if seconds is None else f"{seconds:.1f}"


def seconds_text(group: Group) -> str:
    """Seconds of a request, by task and policy, and by the tier that answered."""
    parts = ["## Seconds of a request by task", "", *_by_task(group)]
    parts += ["", "## Seconds of a request by the tier that answered", "", *_by_tier(group)]
    return "\n".join(parts)


def _by_task(group: Group) -> list[str]:
    head = ("task", "policy", "n", "quality", "rows with LLM", "p50 s", "p95 s", "faster than LLM")
    rows = [
        [
            task,
            policy["policy"],
            str(figures["n"]),
            spread_text(figures["quality"]),
            f"{figures['llm_share']:.1%}",
            time_text(figures["seconds"]["p50"]),
            time_text(figures["seconds"]["p95"]),
            _times(figures["speed_up"]),
        ]
        for task in dict.fromkeys(name for one in group["policies"] for name in one["tasks"])
        for policy in group["policies"]
        if (figures := policy["tasks"].get(task))
    ]
    return _table(head, rows)


def _by_tier(group: Group) -> list[str]:
    head = ("policy", "answered by", "n", "p05 s", "p25 s", "p50 s", "p75 s", "p95 s", "mean s")
    rows = [
        [
            policy["policy"],
            tier,
            str(spent["n"]),
            time_text(spent["p05"]),
            time_text(spent["p25"]),
            time_text(spent["p50"]),
            time_text(spent["p75"]),
            time_text(spent["p95"]),
            time_text(spent["mean"]),
        ]
        for policy in group["policies"]
        if policy["policy"] != ORACLE
        for tier, spent in policy["seconds_by_tier"].items()
    ]
    return _table(head, rows)


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


def _times(ratio: float | None) -> str:
    return _NOT_MEASURED if ratio is None else f"{ratio:.1f}x"
