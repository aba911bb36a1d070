"""The tables that `tandem eval` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tandem.evals.figures_text import share_text, signed_text, spread_text, time_text

if TYPE_CHECKING:
    from tandem.evals.gate import Check
    from tandem.evals.summary import Group, PolicySummary, Summary


def show(summary: Summary, console: Console) -> None:
    """Print the tables of each group, its comparisons, and what stands beside them."""
    from tandem.evals.markdown import p_text
    from tandem.evals.summary import ORACLE

    for group in summary["groups"]:
        console.print(_outcomes(group))
        console.print(_costs(group, summary["currency"]))
        for one in group["comparisons"]:
            difference, finding = one["difference"], one["finding"]
            console.print(
                f"{one['a']} against {one['b']} on {one['n']} rows: {signed_text(difference)}, "
                f"{finding} ({p_text(one['p'])}, {one['test']})",
                soft_wrap=True,
            )
        for policy in group["policies"]:
            if policy["policy"] != ORACLE:
                console.print(f"{policy['policy']}: {'; '.join(_asides(policy))}", soft_wrap=True)
        console.print()


def _outcomes(group: Group) -> Table:
    title = f"{group['suite']}: quality is {group['primary']}"
    table = _table(title, "policy", "n", "quality (95 %)", "served", "right of served", "LLM")
    for policy in group["policies"]:
        table.add_row(
            policy["policy"],
            str(policy["n"]),
            spread_text(policy["quality"]),
            share_text(policy["served"]),
            spread_text(policy["served_precision"]),
            share_text(policy["llm_share"]),
        )
    return table


def _costs(group: Group, currency: str) -> Table:
    columns = (f"cost ({currency})", "of all-LLM", "compute", "p50 s", "p95 s", "faster", "own ms")
    table = _table("", "policy", *columns)
    for policy in group["policies"]:
        ratio, own = policy["cost_ratio"], policy["overhead"]["p50"]
        about = "" if policy["all_llm_measured"] else "~"
        table.add_row(
            policy["policy"],
            f"{policy['cost']:.6f}",
            "-" if ratio is None else f"{about}{ratio:.1%}",
            share_text(policy["compute_ratio"]),
            time_text(policy["seconds"]["p50"]),
            time_text(policy["seconds"]["p95"]),
            "-" if policy["speed_up"] is None else f"{policy['speed_up']:.1f}x",
            "-" if own is None else f"{own * 1000:.1f}",
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def _asides(policy: PolicySummary) -> list[str]:
    lines = [", ".join(f"{name} {count}" for name, count in sorted(policy["statuses"].items()))]
    means = {name: spread["mean"] for name, spread in policy["scores"].items()}
    lines.append(
        ", ".join(f"{name} {mean:.3f}" for name, mean in means.items() if mean is not None)
    )
    caught = policy["escalation"]
    if caught["rejected"] and policy["policy"] != "slm_only":
        lines.append(
            f"gates rejected {caught['rejected']} of {caught['tried']} first outputs, of which "
            f"{share_text(caught['precision'])} were wrong; of the wrong ones they rejected "
            f"{share_text(caught['recall'])}"
        )
    if policy["errors"]:
        told = ", ".join(f"{code} {count}" for code, count in policy["errors"].items())
        lines.append(f"errors (counted as wrong): {told}")
    if policy["unfinished"]:
        lines.append(f"the same command tries {policy['unfinished']} rows again")
    return [line for line in lines if line]


def show_checks(checks: list[Check], console: Console) -> None:
    """Print how each suite and policy stands against the baseline."""
    for check in checks:
        where = f"{check.suite}, {check.policy}"
        if check.baseline is None:
            console.print(f"{where}: not in the baseline")
            continue
        verdict = "FELL below" if check.fell else "holds"
        low, high = check.baseline["low"], check.baseline["high"]
        console.print(
            f"{where}: {spread_text(check.now)} {verdict} the baseline's {low:.3f} to {high:.3f}"
        )
