"""The report for people: the first page for whoever decides, then a section a workload."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tandem.loop.audit.advice import measuring, settled_by
from tandem.loop.audit.counts import LogRead
from tandem.loop.audit.report import Audit, Range, Workload

BIGGEST: Final = 3
WORTH_A_LOOK: Final = 0.05
"""Where more rows than that are sensitive, whoever decides should know."""
_TABLE: Final = (
    "| workload | rows | spend | sensitive | p95 | goes to | saving, at least | at most |\n"
    "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
)


def markdown(audit: Audit) -> str:
    """The report as Markdown."""
    parts = [_first_page(audit), *(_workload(audit, each) for each in audit["workloads"])]
    return "\n\n".join([*parts, _basis(audit)]) + "\n"


def _first_page(audit: Audit) -> str:
    totals, currency = audit["totals"], audit["currency"]
    lines = ["# What the LLM is used for, and what a small model could take over", ""]
    lines.append(_spent(audit))
    saving = totals["saving"]
    if saving is not None:
        lines.append(
            f"**Saving, if the small model (SLM) goes first where the policy lets it: between "
            f"{money(saving['low'])} and {money(saving['high'])} {currency}** in the same time "
            "(all lower and all upper bounds added)."
        )
    else:
        lines.append(f"**Saving: none can be told** ({_why_none(audit)}).")
    lines += ["", f"## The {BIGGEST} biggest workloads", ""]
    biggest = sorted(audit["workloads"], key=_spend, reverse=True)[:BIGGEST]
    lines += [f"{at}. {_in_short(each, currency)}" for at, each in enumerate(biggest, 1)]
    lines += ["", "## What to do next", ""]
    lines += [f"- {step}" for step in next_steps(audit)]
    lines += ["", "## All workloads, by the lower bound of the saving", "", _TABLE]
    lines += [_row(each) for each in audit["workloads"]]
    lines += [f"\n![{name}]({name})" for name in audit["pictures"]]
    return "\n".join(lines)


def _why_none(audit: Audit) -> str:
    return audit["no_saving"] or "no row goes to the SLM, or none has a price"


def _spent(audit: Audit) -> str:
    totals = audit["totals"]
    period = (
        f", from {totals['first'][:10]} to {totals['until'][:10]} (UTC)"
        if totals["first"] and totals["until"]
        else ""
    )
    unpriced = totals["rows"] - totals["priced"]
    without = f"; {unpriced:,} calls have no price and are not in it" if unpriced else ""
    return (
        f"**Spent: {money(totals['spend'])} {audit['currency']}** on {totals['rows']:,} calls"
        f"{period}{without}."
    )


def next_steps(audit: Audit) -> list[str]:
    """What whoever decides should do, most worth first."""
    steps = []
    movable = [each for each in audit["workloads"] if each["saving"]]
    sure = [each for each in movable if each["saving"] and each["saving"]["low"] > 0]
    known = [each for each in sure if each["acceptance"] and each["acceptance"]["known"]]
    if known:
        steps.append(f"Move first, since what was measured says that it saves: {_names(known)}.")
    open_ones = [each for each in movable if each["rows_to_label"]]
    steps += [measuring(each) for each in open_ones[:BIGGEST]]
    private = [
        each
        for each in audit["workloads"]
        if each["sensitive"]["low"] > WORTH_A_LOOK and _is_public(each)
    ]
    if private:
        steps.append(
            f"Look at what goes out: personal or secret data stand in {_names(private[:BIGGEST])}."
        )
    if audit["unknown_models"]:
        steps.append("Give costs for the models without a list price (--map cost=...).")
    if audit["no_saving"]:
        steps.append("Give a log and settings of one currency: nothing is converted here.")
    return steps or ["Nothing here would be better off with the SLM by today's policy."]


def _is_public(line: Workload) -> bool:
    return line["goes"].get("private only", 0.0) > 0


def _in_short(line: Workload, currency: str) -> str:
    saving = line["saving"]
    saved = (
        f"saving {money(saving['low'])} to {money(saving['high'])} {currency}"
        if saving
        else "no saving"
    )
    spend = f"{money(line['spend']['value'])} {currency}" if line["spend"] else "no price"
    return (
        f"**{line['name']}**: {count(line['rows'])} calls, {spend}, "
        f"{percent(line['sensitive'])} sensitive; goes to: {line['destination']}; {saved}."
    )


def _row(line: Workload) -> str:
    saving = line["saving"]
    return (
        "| "
        + " | ".join(
            [
                line["name"],
                count(line["rows"]),
                money(line["spend"]["value"]) if line["spend"] else "-",
                percent(line["sensitive"]),
                seconds(line["p95"]),
                line["destination"],
                money(saving["low"]) if saving else "-",
                money(saving["high"]) if saving else "-",
            ]
        )
        + " |"
    )


def _workload(audit: Audit, line: Workload) -> str:
    currency, facts = audit["currency"], []
    facts.append(f"- Told by: {line['told_by']}; task {line['task']}{_read(line)}.")
    facts.append(
        f"- Volume: {count(line['rows'])} calls, {line['input_tokens']:.0f} tokens in and "
        f"{line['output_tokens']:.0f} out on average; {line['errors']:.1%} failed. "
        f"Models: {', '.join(f'{name} ({n:,})' for name, n in line['models'].items())}."
    )
    if line["spend"]:
        part = f"; {line['unpriced']:.0%} of the rows have no price" if line["unpriced"] else ""
        facts.append(f"- Spend: {span(line['spend'])} {currency}{part}.")
    if line["levels"]:
        levels = ", ".join(f"{level} {n}" for level, n in sorted(line["levels"].items()))
        facts.append(
            f"- Sensitive: {percent(line['sensitive'])} (of {line['sensitive']['n']} rows looked "
            f"at: {levels})."
        )
    facts.append(
        f"- Latency: p50 {seconds(line['p50'])}, p95 {seconds(line['p95'])}; "
        f"{line['need']['latency']} ({line['need']['why']})."
    )
    if line["complexity"] is not None:
        facts.append(f"- Complexity: {line['complexity']:.2f}, the SLM's risk not to do.")
    goes = ", ".join(f"{where} {share:.0%}" for where, share in line["goes"].items())
    if goes:
        facts.append(f"- By the policy: {goes}.")
    facts += _saved(line, currency)
    return "\n".join([f"## {line['name']}", "", *facts])


def _saved(line: Workload, currency: str) -> Iterable[str]:
    acceptance, saving = line["acceptance"], line["saving"]
    if acceptance:
        yield (
            f"- The SLM's answers pass: {acceptance['low']:.0%} to {acceptance['high']:.0%} "
            f"({acceptance['source']})."
        )
    if saving:
        yield (
            f"- Saving: {money(saving['low'])} to {money(saving['high'])} {currency}; it begins "
            f"where the SLM answers {saving['break_even']:.1%} of the rows."
        )
    if line["unknown"]:
        yield f"- Not known: {'; '.join(line['unknown'])}."
    if line["rows_to_label"]:
        yield f"- {settled_by(line)}"


def _read(line: Workload) -> str:
    share = line["task_share"]
    return "" if share is None else f" ({share:.0%} of the rows read so)"


def _basis(audit: Audit) -> str:
    lines = ["## What this rests on", "", *(f"- {each}" for each in audit["assumptions"])]
    if audit["unknown_models"]:
        names = ", ".join(f"{name} ({n:,})" for name, n in audit["unknown_models"].items())
        lines.append(f"- Models without a list price: {names}.")
    if audit["other_currencies"]:
        names = ", ".join(f"{name} ({n:,} rows)" for name, n in audit["other_currencies"].items())
        lines.append(f"- Costs in other currencies are left out: {names}.")
    for log in audit["logs"]:
        lines.append(f"- {log['name']}: {log['format']}, {log['rows']:,} rows{_left_out(log)}.")
    return "\n".join(lines)


def _left_out(log: LogRead) -> str:
    told = [
        f"{each['count']:,} {each['reason']} (line {', '.join(map(str, each['lines']))})"
        for each in log["skipped"]
    ]
    if log["other_records"]:
        told.append(f"{log['other_records']:,} records are no model calls")
    return f"; left out: {'; '.join(told)}" if told else ""


def _names(lines: Sequence[Workload]) -> str:
    return ", ".join(f"“{each['name']}”" for each in lines)


def _spend(line: Workload) -> float:
    return line["spend"]["value"] if line["spend"] else 0.0


def money(amount: float) -> str:
    """With two digits after the point; small amounts with four."""
    return f"{amount:,.2f}" if abs(amount) >= 1 or amount == 0 else f"{amount:,.4f}"


def count(rows: Range) -> str:
    """A number of rows, with its interval where it is estimated."""
    if rows["low"] == rows["high"]:
        return f"{rows['value']:,.0f}"
    return f"{rows['value']:,.0f} ({rows['low']:,.0f} to {rows['high']:,.0f})"


def span(figure: Range) -> str:
    """An amount of money, with its interval where it is estimated."""
    if figure["low"] == figure["high"]:
        return money(figure["value"])
    return f"{money(figure['value'])} ({money(figure['low'])} to {money(figure['high'])})"


def percent(share: Range) -> str:
    """A share with its interval."""
    if not share["n"]:
        return "?"
    return f"{share['value']:.0%} ({share['low']:.0%} to {share['high']:.0%})"


def seconds(value: float | None) -> str:
    """Seconds, or a dash where they are not known."""
    return "-" if value is None else f"{value:.2f} s"
