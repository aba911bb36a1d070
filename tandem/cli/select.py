"""`tandem select`: which candidate answers a task well enough, on one's own rows, at least cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tandem.cli.calibrate import EXIT_STOPPED, _progress
from tandem.cli.consoles import plain_console
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.evals.cache import AnswerCache
    from tandem.loop.select.choosing import Choice, Wanted
    from tandem.loop.select.rows import Rows
    from tandem.nodes.task import Task
    from tandem.services import Services


def command(
    ctx: typer.Context,
    data: Annotated[Path, typer.Option(help="JSON lines: text, and label or expected.")],
    task: Annotated[str, typer.Option(help="A task with labels, or extraction.")],
    candidates: Annotated[
        str,
        typer.Option(
            help="By commas: models of the settings, `head`, `adapter`; else all that apply."
        ),
    ] = "",
    labels: Annotated[
        str, typer.Option(help="The label set, by commas; else the labels of the file.")
    ] = "",
    quality: Annotated[
        float | None, typer.Option(help="The least share of right answers, such as 0.9.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Without --quality: how far behind the best candidate (0.03)."),
    ] = None,
    confidence: Annotated[float, typer.Option(help="How sure the choice is.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Deals out what the head learns from.")] = 0,
    picture: Annotated[Path | None, typer.Option(help="Cost against quality as a PNG.")] = None,
    write: Annotated[Path | None, typer.Option(help="Write the settings of the choice.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --write.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare candidates on labelled rows and take the cheapest that can be promised.

    The choice goes by a lower bound of quality, corrected for how many candidates there are. Rows
    must be drawn uniformly from what will be asked. What may not leave is sent to no candidate that
    is not private. Answers are kept: the same command goes on where a stopped one was.
    """
    from tandem.loop.pictures import refuse_without_matplotlib
    from tandem.loop.select import telling
    from tandem.loop.select.writing import refuse_to_replace
    from tandem.loop.select.writing import write as write_settings

    settings: Settings = ctx.obj
    wanted = _wanted(quality, margin, confidence)
    if write is not None:
        refuse_to_replace(write, force)
    if picture is not None:
        refuse_without_matplotlib()
    names = [one.strip() for one in candidates.split(",") if one.strip()]
    label_set = [one.strip() for one in labels.split(",") if one.strip()]
    choice, rows = _chosen(settings, data, task, names, label_set, wanted, seed)
    if as_json:
        typer.echo(json.dumps(_plain(choice, rows), indent=2))
    else:
        _show(choice, rows, settings)
    if picture is not None:
        telling.picture(choice, settings.currency, f"{task}: {len(rows.judge)} rows", picture)
        typer.echo(f"The picture stands in {picture}.", err=as_json)
    if write is not None:
        write_settings(write, choice, rows, settings)
        typer.echo(f"Written: {write}.", err=as_json)


def _wanted(quality: float | None, margin: float | None, confidence: float) -> Wanted:
    from tandem.loop.select.choosing import Wanted

    if quality is not None and margin is not None:
        raise InvalidRequest("Both --quality and --margin are given.", "Give one of the two.")
    if quality is not None and not 0 < quality < 1:
        raise InvalidRequest("--quality lies between 0 and 1.", "Such as 0.9.")
    if margin is not None and not 0 < margin < 1:
        raise InvalidRequest("--margin lies between 0 and 1.", "Such as 0.03.")
    if not 0.5 <= confidence < 1:
        raise InvalidRequest("--confidence lies between 0.5 and 1.", "Such as 0.95.")
    return Wanted(quality, 0.03 if margin is None else margin, confidence)


def _chosen(
    settings: Settings,
    data: Path,
    name: str,
    names: list[str],
    label_set: list[str],
    wanted: Wanted,
    seed: int,
) -> tuple[Choice, Rows]:
    from tandem.evals import services as kept
    from tandem.loop.seen import seen_in_force
    from tandem.loop.select.asking import Asking
    from tandem.loop.select.candidates import HEAD
    from tandem.loop.select.candidates import candidates as named
    from tandem.loop.select.choosing import choose
    from tandem.loop.select.rows import read_rows, unseen
    from tandem.nodes.tuned import asked_labels

    ledger = settings.path(".tandem/selection.sqlite")
    with _cache(settings) as cache, _services(settings, cache, ledger) as services:
        task = _task(services, name)
        rows = read_rows(data, task, label_set, head=not names or HEAD in names, seed=seed)
        chosen = named(services, task, names, rows.labels)
        if any(one.kind == "adapter" for one in chosen):
            rows = unseen(rows, seen_in_force(services, name, asked_labels(rows.labels)))

        def services_of(own: Settings) -> Services:
            return kept.EvalServices(own, cache, ledger)

        asking = Asking(services, services_of, rows, _progress())
        return choose([asking(one) for one in chosen], wanted), rows


def _task(services: Services, name: str) -> Task:
    from tandem.graphs.tasks import Tasks
    from tandem.loop.select.asking import plain

    tasks = Tasks(services)
    if name not in tasks:
        raise InvalidRequest(f"There is no task {name!r}.", f"Tasks: {', '.join(sorted(tasks))}.")
    return plain(tasks[name])


@contextmanager
def _cache(settings: Settings) -> Iterator[AnswerCache]:
    from tandem.evals import services as kept
    from tandem.evals.cache import AnswerCache

    cache = AnswerCache(settings.cache_dir / kept.CACHE_NAME)
    try:
        yield cache
    except KeyboardInterrupt:
        typer.echo("\nStopped; the answers are kept. The same command goes on.", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
    finally:
        cache.close()


@contextmanager
def _services(settings: Settings, cache: AnswerCache, ledger: Path) -> Iterator[Services]:
    from tandem.evals.services import EvalServices

    services = EvalServices(settings, cache, ledger)
    try:
        yield services
    finally:
        services.close()


def _plain(choice: Choice, rows: Rows) -> dict[str, object]:
    from tandem.loop.select import telling

    return {
        "task": rows.task,
        "labels": list(rows.labels),
        "target": choice.wanted.target,
        "margin": None if choice.wanted.target is not None else choice.wanted.margin,
        "confidence": choice.wanted.confidence,
        "rows": {
            "learn": len(rows.learn),
            "judge": len(rows.judge),
            "repeats": rows.repeats,
            "learnt_by_adapter": rows.learnt,
        },
        "chosen": choice.chosen.name if choice.chosen else None,
        "head_is_enough": choice.head_is_enough,
        "candidates": [telling.figures(one) for one in choice.judged],
        "left_out": {one.candidate.name: one.why_not for one in choice.left_out},
        "words": list(telling.verdict(choice, rows)),
    }


def _show(choice: Choice, rows: Rows, settings: Settings) -> None:
    from tandem.loop.select import telling

    console = plain_console()
    if choice.judged:
        console.print(_table(choice, rows, settings.currency))
        for line in telling.chart(choice, settings.currency):
            console.print(line, soft_wrap=True, highlight=False)
    for line in telling.verdict(choice, rows):
        console.print(line, soft_wrap=True)


def _table(choice: Choice, rows: Rows, currency: str) -> Table:
    table = Table(
        title=f"{rows.task}, {len(rows.judge)} rows (cost of 1,000 requests in {currency})",
        title_justify="left",
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    bound = "bound" if choice.wanted.target is not None else "lag"
    heads = ("candidate", "right", "95 %", bound, "cost", "p50 s", "p95 s", "unanswered", "")
    for place, head in enumerate(heads):
        table.add_column(
            head, justify="right" if place else "left", no_wrap=place > 0, overflow="fold"
        )
    for one in choice.judged:
        mark = "chosen" if one is choice.chosen else "front" if one.front else ""
        table.add_row(
            one.name,
            f"{one.right.mean:.3f}",
            f"{one.right.low:.3f}-{one.right.high:.3f}",
            f"{one.promised:.3f}" if choice.wanted.target is not None else f"{one.lag:+.3f}",
            f"{1000 * one.cost:.4f}",
            _seconds(one.p50_s),
            _seconds(one.p95_s),
            str(one.said.blocked + one.said.failed),
            mark,
        )
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
