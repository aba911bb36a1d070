"""`tandem calibrate`: from labelled rows to a promise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.loop.calibrate import Options, Outcome
    from tandem.nodes.labels import LabelTask
    from tandem.nodes.task import Task
    from tandem.quality.calibration.calibration import LabelCalibration
    from tandem.quality.calibration.field_calibration import FieldCalibration
    from tandem.quality.calibration.signal_calibration import SignalCalibration
    from tandem.quality.calibration.store import Calibrations
    from tandem.quality.calibration.threshold import Promise
    from tandem.services import Services

EXIT_STOPPED = 130


def command(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(help="sentiment, extraction...: a task of the SLM.")],
    data: Annotated[Path, typer.Option(help="JSON lines: text, and label or expected.")],
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
    about: Annotated[
        str, typer.Option(help="What the rows are (origin, licence), for the card; else the file.")
    ] = "",
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
    from tandem.loop.pictures import refuse_without_matplotlib
    from tandem.nodes.extract import Extract
    from tandem.nodes.labels import LabelTask

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
        data=about or data.name,
    )
    if picture is not None:
        refuse_without_matplotlib()
        if task == "extraction":
            raise InvalidRequest("Extraction has a curve a field, and no --picture.", "Omit it.")
    names = [label.strip() for label in labels.split(",")] if labels else []
    with _services(settings) as services:
        chosen = _task(task, services)
        if isinstance(chosen, LabelTask):
            outcome = _calibrated(services, chosen, data, names, options)
            _tell(outcome, options, picture)
            _save(settings, outcome.calibration, write=write)
        elif isinstance(chosen, Extract):
            _save_fields(settings, _by_field(services, chosen, data, options), write=write)
        else:
            made = _by_signals(services, chosen, data, options, picture)
            _save(settings, made, write=write)


@contextmanager
def _services(settings: Settings) -> Iterator[Services]:
    from tandem.evals import services as kept
    from tandem.evals.cache import AnswerCache

    cache = AnswerCache(settings.cache_dir / kept.CACHE_NAME)
    services = kept.EvalServices(settings, cache, settings.path(".tandem/calibration.sqlite"))
    try:
        yield services
    except KeyboardInterrupt:
        typer.echo("\nStopped; the answers are kept. The same command goes on.", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
    finally:
        services.close()
        cache.close()


def _task(name: str, services: Services) -> Task:
    """The task as it is without a calibration."""
    from tandem.graphs.tasks import Tasks
    from tandem.nodes.labels import LabelTask
    from tandem.nodes.scored import ScoredTask
    from tandem.nodes.scored_fields import ScoredFieldsTask
    from tandem.records import SLM_TASKS

    if name not in SLM_TASKS:
        raise InvalidRequest(f"{name!r} is no task of the SLM.", f"Tasks: {', '.join(SLM_TASKS)}.")
    task = Tasks(services)[name]
    if isinstance(task, LabelTask):
        return replace(task, calibrated=None)
    if isinstance(task, ScoredFieldsTask):
        return task.plain
    return task.inner if isinstance(task, ScoredTask) else task


def _calibrated(
    services: Services, task: LabelTask, data: Path, names: list[str], options: Options
) -> Outcome:
    from tandem.loop.calibrate import Calibrator
    from tandem.loop.labelled import read_labelled

    return Calibrator(services, task, options, _progress()).run(read_labelled(data, names))


def _by_signals(
    services: Services, task: Task, data: Path, options: Options, picture: Path | None
) -> SignalCalibration:
    from tandem.loop.calibrate_signals import SignalCalibrator, read_known, told
    from tandem.loop.pictures import in_text, to_png

    rows = read_known(data, task.name)
    outcome = SignalCalibrator(services, task, options, _progress()).run(rows)
    curves = {"slm": outcome.curve}
    for line in (*in_text(curves), "", *told(outcome, options.target)):
        typer.echo(line)
    if picture is not None:
        to_png(curves, picture, f"{task.name}, test rows")
        typer.echo(f"The curve stands in {picture}.")
    return outcome.calibration


def _by_field(services: Services, task: Task, data: Path, options: Options) -> FieldCalibration:
    from tandem.loop.calibrate_fields import FieldCalibrator, told
    from tandem.loop.calibrate_signals import read_known

    rows = read_known(data, task.name)
    outcome = FieldCalibrator(services, task, options, _progress()).run(rows)
    for line in told(outcome, options.target):
        typer.echo(line)
    return outcome.calibration


def _tell(outcome: Outcome, options: Options, picture: Path | None) -> None:
    from tandem.loop.pictures import to_png
    from tandem.loop.telling import curves_of, lines

    for line in lines(outcome, options.target):
        typer.echo(line)
    if picture is not None:
        to_png(curves_of(outcome), picture, f"{outcome.calibration.task}, test rows")
        typer.echo(f"The curve stands in {picture}.")


def _save(
    settings: Settings, calibration: LabelCalibration | SignalCalibration, *, write: bool
) -> None:
    from tandem.graphs.tasks import calibrations
    from tandem.loop.telling import promised, written

    if not write:
        typer.echo("Nothing was written (--dry-run); --write puts it in force.")
        return
    task, store = calibration.task, calibrations(settings)
    asked = _asked(settings, task)
    before = _found(store, calibration)
    behind = _found(replace(store, folders=store.folders[1:]), calibration)
    path = store.save(calibration)
    typer.echo(f"Written: {path}. It is in force for processes that start now.")
    earlier = promised(task, _promise(before, asked), asked) if before else ""
    for line in written(
        task, asked, _promise(calibration, asked), earlier, shipped=behind is not None
    ):
        typer.echo(line)


def _asked(settings: Settings, task: str) -> float:
    own = settings.tasks.get(task)
    return (own.quality if own else None) or settings.calibration.target


def _found(
    store: Calibrations, like: LabelCalibration | SignalCalibration
) -> LabelCalibration | SignalCalibration | None:
    from tandem.quality.calibration.calibration import LabelCalibration

    if isinstance(like, LabelCalibration):
        return store.find(like.task, like.labels).calibration
    return store.find_signals(like.task)


def _promise(made: LabelCalibration | SignalCalibration, asked: float) -> Promise | None:
    from tandem.quality.calibration.calibration import LabelCalibration

    if isinstance(made, LabelCalibration):
        return made.promise(asked, ("head", "slm"))
    return made.promise(asked)


def _save_fields(settings: Settings, calibration: FieldCalibration, *, write: bool) -> None:
    from tandem.quality.calibration.field_calibration import save_fields

    if not write:
        typer.echo("Nothing was written (--dry-run); --write puts it in force.")
        return
    path = save_fields(settings.path(settings.calibration.dir), calibration)
    typer.echo(f"Written: {path}. It is in force for processes that start now.")
    asked = _asked(settings, calibration.task)
    kept = [name for name, one in calibration.fields.items() if one.promise(asked)]
    typer.echo(
        f"Requests ask for {asked:.1%}; fields for which this file certifies it: "
        f"{', '.join(kept) or 'none'}. Other measured fields go to the LLM. "
        "To undo it, delete the file."
    )


def _progress() -> Any:
    shown = sys.stderr.isatty()

    def tell(what: str, done: int, of: int) -> None:
        if shown:
            end = "\n" if done == of else ""
            typer.echo(f"\r{what}: {done} of {of}   {end}", nl=False, err=True)

    return tell
