"""`tandem replay`: what the ledger's runs would have come to under other settings."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tandem.cli.consoles import plain_console
from tandem.cli.report import started_since
from tandem.errors import InvalidRequest
from tandem.settings import Settings, load

if TYPE_CHECKING:
    from tandem.ledger.store import Ledger
    from tandem.loop.replay.replaying import Replayed
    from tandem.loop.replay.told import Known, Replay, RerunTask, TaskReplay


def command(
    ctx: typer.Context,
    new: Annotated[Path, typer.Argument(help="The other settings: a whole settings file.")],
    since: Annotated[
        str, typer.Option(help="Only runs started since: 2026-11-01, 2026-11-01T08:00, or 24h, 7d.")
    ] = "",
    until: Annotated[str, typer.Option(help="Only runs started before; as --since.")] = "",
    task: Annotated[str, typer.Option(help="Only this task.")] = "",
    tenant: Annotated[str, typer.Option(help="Only this tenant.")] = "",
    rerun: Annotated[
        int,
        typer.Option(min=0, help="Ask so many runs again of which the ledger alone tells nothing."),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what past runs would have cost, answered and taken under other settings.

    What is exact, what is estimated (with a 95 % interval) and what cannot be known is told apart.
    Nothing is asked of a model without --rerun, and the ledger stays as it is.
    """
    from tandem.ledger.store import Ledger
    from tandem.loop.replay.logged import Window
    from tandem.loop.replay.replaying import refuse_empty, replay

    settings: Settings = ctx.obj
    changed = load(new)
    now = datetime.now().astimezone()
    window = Window(
        started_since(since, now) if since else None,
        started_since(until, now) if until else None,
        task or None,
        tenant or None,
    )
    if window.since and window.until and window.since >= window.until:
        raise InvalidRequest("--until lies before --since.", "Nothing was replayed.")
    ledger = Ledger.from_settings(settings)
    try:
        found = replay(ledger, settings, changed, window)
        refuse_empty(found.figures)
        if rerun:
            found.figures["rerun"] = _asked_again(ledger, changed, found, rerun)
    finally:
        ledger.close()
    if as_json:
        typer.echo(json.dumps(_plain(found.figures), indent=2))
    else:
        show(found.figures, plain_console())


def _asked_again(ledger: Ledger, new: Settings, found: Replayed, most: int) -> list[RerunTask]:
    from tandem.graphs.tasks import Tasks
    from tandem.loop.replay.rerun import Rerunning

    with _apart(new) as tandem:
        tasks = Tasks(tandem.services)

        def ask(request: Any) -> Any:
            return tandem.run(request)

        return Rerunning(ledger, ask, tasks.get, _progress)(found.followed, most)


@contextmanager
def _apart(new: Settings) -> Iterator[Any]:
    """Tandem under the new settings, with a ledger of its own that is gone afterwards."""
    from tandem.app import Tandem
    from tandem.settings import CheckpointSettings, LedgerSettings, ShadowSettings

    with tempfile.TemporaryDirectory(prefix="tandem-replay-") as folder:
        apart = {
            "ledger": LedgerSettings(url=f"sqlite:///{folder}/ledger.sqlite"),
            "shadow": ShadowSettings(),
            "checkpoints": CheckpointSettings(url="off"),
        }
        with Tandem(new.model_copy(update=apart)) as tandem:
            yield tandem


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\rasked again: {done} of {of}   ", nl=done == of, err=True)


def _plain(value: Any) -> Any:
    """Without numbers that are none, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def show(figures: Replay, console: Console) -> None:
    """Print the tables."""
    lines = [*figures["tasks"], figures["total"]]
    keys = figures["changed"]
    console.print(f"Settings that differ: {', '.join(keys) or 'none'}.", soft_wrap=True)
    console.print(_costs(lines, figures["currency"]))
    console.print(_answers(figures["tasks"]))
    console.print(_seconds(lines))
    for line in figures["tasks"]:
        _say_quality(line, console)
    _say_unknown(figures, console)
    for again in figures["rerun"]:
        _say_rerun(again, figures["currency"], console)
    if figures["running"]:
        console.print(f"{figures['running']} runs have not ended and are left out.")
    for currency, count in figures["other_currencies"].items():
        console.print(f"{count} runs in {currency} are left out.")
    console.print(f"Ledger: {figures['ledger']}", soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table


def _costs(lines: list[TaskReplay], currency: str) -> Table:
    table = _table(
        f"Cost ({currency}; exact where no interval stands)",
        "task", "runs", "as it was / exact / est. / unknown", "then", "would be", "95 %",
    )  # fmt: skip
    for line in lines:
        counts = [line["same"], line["exact"], line["estimated"]]
        counts.append(sum(one["runs"] for one in line["unknown"]))
        table.add_row(
            line["task"],
            str(line["runs"]),
            " / ".join(map(str, counts)),
            f"{line['cost_then']:.6f}",
            f"{line['cost']['value']:.6f}",
            _interval(line["cost"], ".6f"),
        )
    return table


def _answers(lines: list[TaskReplay]) -> Table:
    table = _table("Answers that would come of another", "task", "who", "others", "95 %")
    for line in lines:
        told = line["changed"]
        if told is None or not told["moved"]:
            continue
        moved = ", ".join(f"{count} {who}" for who, count in told["moved"].items())
        exact = told["low"] == told["high"]
        others = "not known" if told["others"] is None else f"{told['others']:.0f}"
        table.add_row(
            line["task"], moved, others, "" if exact else f"{told['low']:.0f} to {told['high']:.0f}"
        )
    return table


def _seconds(lines: list[TaskReplay]) -> Table:
    table = _table(
        "Seconds", "task", "p50 then", "would be", "95 %", "p95 then", "would be", "95 %"
    )
    for line in lines:
        cells = [line["task"]]
        for then, now in ((line["p50_then"], line["p50"]), (line["p95_then"], line["p95"])):
            cells.append("-" if then is None else f"{then:.2f}")
            cells.append("-" if now is None else f"{now['value']:.2f}")
            cells.append("" if now is None else _interval(now, ".2f"))
        table.add_row(*cells)
    return table


def _interval(known: Known, form: str) -> str:
    if known["low"] == known["high"]:
        return ""
    return f"{known['low']:{form}} to {known['high']:{form}}"


def _say_quality(line: TaskReplay, console: Console) -> None:
    told = line["quality"]
    if told is None:
        return
    for name, then, now in (
        ("the LLM agrees with answers that leave without it", "agreement_then", "agreement"),
        ("right by feedback (people judge no random sample)", "feedback_then", "feedback"),
    ):
        shares = [told[key] for key in (then, now)]  # type: ignore[literal-required]
        if any(one["n"] for one in shares):
            console.print(f"{line['task']}: {name}: {' -> '.join(map(_share, shares))}")
    if left_out := told["agreement"]["left_out"]:
        console.print(
            f"{line['task']}: {left_out} answers that leave without the LLM are in no agreement: "
            "it may not be asked for them",
            soft_wrap=True,
        )
    if lost := told["feedback_lost"]:
        console.print(f"{line['task']}: {lost} judged answers would be replaced")
    for note in line["notes"]:
        console.print(f"{line['task']}: {note}")


def _share(share: Any) -> str:
    if not share["n"]:
        return "not known"
    if share["mean"] is None:
        return f"not identifiable, from {share['low']:.1%} to {share['high']:.1%}"
    of = f" of {share['of']}" if "of" in share else ""
    return f"{share['mean']:.1%} [{share['low']:.1%}, {share['high']:.1%}] (n = {share['n']}{of})"


def _say_unknown(figures: Replay, console: Console) -> None:
    for line in figures["tasks"]:
        for one in line["unknown"]:
            console.print(
                f"{line['task']}: of {one['runs']} runs (cost {one['cost']:.6f}, in no table) "
                f"nothing can be said: {one['why']}. Next time: {one['remedy']}.",
                soft_wrap=True,
            )


def _say_rerun(line: RerunTask, currency: str, console: Console) -> None:
    others = line["others"]
    differing = "answers could not be compared"
    if line["compared"]:
        differing = (
            f"answers that would be others: {others['value']:.0f} "
            f"({_interval(others, '.0f') or 'exact'}), by {line['compared']} compared"
        )
    console.print(
        f"{line['task']}, asked again: {line['asked']} of {line['kept']} kept requests "
        f"({line['unknown']} runs not known, {line['failed']} failed): the kept ones cost "
        f"{line['cost_then']:.6f} and would cost {line['cost']['value']:.6f} {currency} "
        f"({_interval(line['cost'], '.6f') or 'exact'}); {differing}",
        soft_wrap=True,
    )
