"""`tandem calibrate`: from labelled rows to a promise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.loop.calibrate import Options, Outcome
    from tandem.nodes.labels import LabelTask
    from tandem.services import Services

EXIT_STOPPED = 130


def command(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(help="sentiment, document_classification.")],
    data: Annotated[Path, typer.Option(help="Labelled rows, JSON lines: text, label.")],
    labels: Annotated[
        str, typer.Option(help="The label set, by commas; else the labels of the file.")
    ] = "",
    target: Annotated[
        float | None, typer.Option(help="Share of right answers to promise; else the settings'.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="How sure the promise is.")] = 0.9,
    slm_rows: Annotated[
        int, typer.Option(min=0, help="Rows a part that the SLM is asked; 0: head only.")
    ] = 300,
    llm_rows: Annotated[int, typer.Option(min=0, help="Test rows that the LLM is asked.")] = 100,
    examples: Annotated[
        int | None, typer.Option(min=0, help="Nearest rows in a prompt; else what measures better.")
    ] = None,
    keep_examples: Annotated[
        int, typer.Option(min=0, help="Labelled rows kept for prompts, at most.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Deals the rows out.")] = 0,
    picture: Annotated[Path | None, typer.Option(help="Write the curve as a PNG.")] = None,
    write: Annotated[
        bool, typer.Option("--write/--dry-run", help="Put the calibration in force.")
    ] = False,
) -> None:
    """Train a head, measure the tiers, and find from which score on answers may leave.

    Rows must be drawn uniformly from what will be asked: the promise speaks of such rows only.
    Answers are kept: the same command goes on where a stopped one was.
    """
    from tandem.loop.calibrate import Options

    settings: Settings = ctx.obj
    wanted = settings.calibration.target if target is None else target
    if not (0 < wanted < 1 and 0 < confidence < 1):
        raise InvalidRequest("--target and --confidence lie between 0 and 1.", "Such as 0.9.")
    options = Options(
        target=wanted,
        confidence=confidence,
        slm_rows=slm_rows,
        llm_rows=llm_rows,
        examples=examples,
        most_examples=keep_examples,
        seed=seed,
    )
    names = [label.strip() for label in labels.split(",")] if labels else []
    outcome = _calibrated(settings, task, data, names, options)
    _tell(outcome, options, picture)
    _save(settings, outcome, write=write)


def _calibrated(
    settings: Settings, task: str, data: Path, names: list[str], options: Options
) -> Outcome:
    from tandem.evals.cache import AnswerCache
    from tandem.evals.services import CACHE_NAME, EvalServices
    from tandem.loop.calibrate import Calibrator
    from tandem.loop.labelled import read_labelled

    rows = read_labelled(data, names)
    cache = AnswerCache(settings.cache_dir / CACHE_NAME)
    services = EvalServices(settings, cache, settings.path(".tandem/calibration.sqlite"))
    try:
        found = _label_task(task, services)
        return Calibrator(services, found, options, _progress()).run(rows)
    except KeyboardInterrupt:
        typer.echo("\nStopped; the answers are kept. The same command goes on.", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
    finally:
        services.close()
        cache.close()


def _label_task(name: str, services: Services) -> LabelTask:
    from dataclasses import replace

    from tandem.graphs.tasks import Tasks
    from tandem.nodes.labels import LabelTask

    tasks = Tasks(services)
    known = [one for one, task in tasks.items() if isinstance(task, LabelTask)]
    if name not in known:
        raise InvalidRequest(f"{name!r} is no label task.", f"Label tasks: {', '.join(known)}.")
    task: Any = tasks[name]
    found: LabelTask = replace(task, calibrated=None)
    return found


def _tell(outcome: Outcome, options: Options, picture: Path | None) -> None:
    from tandem.loop.pictures import to_png
    from tandem.loop.telling import curves_of, lines

    for line in lines(outcome, options.target):
        typer.echo(line)
    if picture is not None:
        to_png(curves_of(outcome), picture, f"{outcome.calibration.task}, test rows")
        typer.echo(f"The curve stands in {picture}.")


def _save(settings: Settings, outcome: Outcome, *, write: bool) -> None:
    from tandem.graphs.tasks import calibrations

    if not write:
        typer.echo("Nothing was written (--dry-run); --write puts it in force.")
        return
    path = calibrations(settings).save(outcome.calibration)
    typer.echo(f"Written: {path}. It holds labelled rows; it is in force from now on.")


def _progress() -> Any:
    shown = sys.stderr.isatty()

    def tell(what: str, done: int, of: int) -> None:
        if shown:
            end = "\n" if done == of else ""
            typer.echo(f"\r{what}: {done} of {of}   {end}", nl=False, err=True)

    return tell
