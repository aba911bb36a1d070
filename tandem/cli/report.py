"""`tandem report`: what the runs came to, as tables or as JSON."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from tandem.cli.consoles import plain_console
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.ledger.figures import Quantiles, TaskReport
    from tandem.ledger.report import Report
    from tandem.ledger.shadow import ShadowReport

_SPAN: Final = re.compile(r"(\d{1,6})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EMPTY: Final = "No runs yet in {where}. `tandem ask` or `tandem run` writes the first."
_NONE_MATCH: Final = "No run in {where} matches."


def command(
    ctx: typer.Context,
    since: Annotated[
        str, typer.Option(help="Only runs started since: 2026-11-01, 2026-11-01T08:00, or 24h, 7d.")
    ] = "",
    task: Annotated[str, typer.Option(help="Only this task.")] = "",
    tenant: Annotated[str, typer.Option(help="Only this tenant.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show cost, saving, latency, acceptance and escalation by task and tier."""
    from tandem.ledger.report import report
    from tandem.ledger.store import Ledger

    settings: Settings = ctx.obj
    start = started_since(since, datetime.now().astimezone()) if since else None
    ledger = Ledger.from_settings(settings)
    try:
        figures = report(ledger, start, task=task or None, tenant=tenant or None)
    finally:
        ledger.close()
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
    else:
        show(figures, plain_console())


def started_since(since: str, now: datetime) -> datetime:
    """The moment that `since` means: an ISO date or time (local unless it says), or a span.

    Raises
    ------
    InvalidRequest: it is neither.
    """
    try:
        if span := _SPAN.fullmatch(since):
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        return datetime.fromisoformat(since).astimezone()
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            f"--since {since!r} is no date and no span.", "Write 2026-11-01, 24h or 7d."
        ) from None


def show(figures: Report, console: Console) -> None:
    """Print the tables."""
    if not figures["total"]["runs"] and not figures["total"]["sub_runs"]:
        chosen = any(figures[key] for key in ("since", "until", "task", "tenant"))
        console.print((_NONE_MATCH if chosen else _EMPTY).format(where=figures["ledger"]))
        return
    lines = [*figures["tasks"], figures["total"]]
    console.print(_outcomes(lines))
    console.print(_money(lines, figures["currency"]))
    console.print(_latency(lines))
    console.print(_tiers(figures["total"]))
    if figures["shadow"]:
        console.print(_shadow(figures["shadow"], figures["currency"]))
    for name, counts in (
        ("Rejected by", {each["gate"]: each["count"] for each in figures["total"]["gates"]}),
        ("Errors", figures["total"]["errors"]),
    ):
        if counts:
            console.print(f"{name}: " + ", ".join(f"{key} {n}" for key, n in counts.items()))
    if others := figures["other_currencies"]:
        console.print(f"Runs in {', '.join(others)} are counted, but their money is left out.")
    console.print(f"Ledger: {figures['ledger']}", soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _outcomes(lines: list[TaskReport]) -> Table:
    table = _table(
        "Runs", "task", "runs", "accepted", "unverified", "review", "failed", "open",
        "escalated", "answered by",
    )  # fmt: skip
    for line in lines:
        share = _percent(line["escalated_share"])
        escalated = (
            f"{line['escalated']}/{line['local_runs']} ({share})" if line["local_runs"] else "-"
        )
        counts = ("runs", "accepted", "unverified", "needs_review", "failed", "running")
        table.add_row(
            line["task"],
            *(str(line[key]) for key in counts),  # type: ignore[literal-required]
            escalated,
            ", ".join(f"{tier} {n}" for tier, n in line["answered_by"].items()) or "-",
        )
    return table


def _money(lines: list[TaskReport], currency: str) -> Table:
    table = _table(f"Cost ({currency})", "task", "cost", "all-LLM", "saving", "%", "estimated")
    for line in lines:
        table.add_row(
            line["task"],
            f"{line['cost']:.6f}",
            f"{line['all_llm_cost']:.6f}",
            f"{line['saving']:.6f}",
            _percent(line["saving_share"]),
            _percent(line["estimated_share"]),
        )
    return table


def _latency(lines: list[TaskReport]) -> Table:
    table = _table("Seconds (p50 / p95)", "task", "all", "answered by slm", "answered by llm")
    for line in lines:
        spread = line["latency"]
        table.add_row(
            line["task"], _spread(spread["all"]), _spread(spread["slm"]), _spread(spread["llm"])
        )
    return table


def _tiers(total: TaskReport) -> Table:
    table = _table("Model calls", "tier", "calls", "input tokens", "output tokens")
    for tier, tokens in total["tokens"].items():
        calls = str(total["calls"].get(tier, 0))
        table.add_row(tier, calls, str(tokens["input"]), str(tokens["output"]))
    return table


def _shadow(lines: list[ShadowReport], currency: str) -> Table:
    table = _table(
        f"Shadow: accepted without the LLM, asked of it afterwards (cost in {currency}, in no "
        "other table)",
        "task", "asked", "compared", "the LLM agrees", "95 %", "cost",
    )  # fmt: skip
    for line in lines:
        table.add_row(
            line["task"],
            str(line["asked"]),
            str(line["compared"]),
            _percent(line["agreement"]),
            f"{line['low']:.1%} to {line['high']:.1%}" if line["compared"] else "-",
            f"{line['cost']:.6f}",
        )
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _spread(spread: Quantiles) -> str:
    if spread["p50"] is None or spread["p95"] is None:
        return "-"
    return f"{spread['p50']:.2f} / {spread['p95']:.2f}"
