"""`tandem calibrate`: from labelled rows to a promise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.cli.calibrate_write import save
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.loop.calibrate import Outcome
    from tandem.loop.calibrate_signals import KnownRow
    from tandem.loop.labelled import LabelledRows
    from tandem.loop.options import Options
    from tandem.nodes.labels import LabelTask
    from tandem.nodes.task import Task
    from tandem.quality.calibration.field_calibration import FieldCalibration
    from tandem.quality.calibration.signal_calibration import SignalCalibration
    from tandem.services import Services

EXIT_STOPPED = 130


def command(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(help="sentiment, extraction...: a task of the SLM.")],
    data: Annotated[
        Path | None, typer.Option(help="JSON lines: text, and label or expected.")
    ] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Rows out of `tandem feedback`: agreement only.")
    ] = False,
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
    uncertified: Annotated[
        bool, typer.Option("--uncertified", help="Also one that certifies nothing for requests.")
    ] = False,
) -> None:
    """Train a head, measure the tiers, and find from which score on answers may leave.

    Rows must be drawn uniformly from what will be asked: the promise speaks of such rows only.
    What people said of answers (--from-ledger) is no such sample: it gives agreement, no promise.
    Answers are kept: the same command goes on where a stopped one was. Exit code: 5 where --write
    refused, since nothing is certified for what requests ask for.
    """
    from tandem.loop.calibrate import Calibrator
    from tandem.loop.options import Options
    from tandem.loop.pictures import refuse_without_matplotlib
    from tandem.nodes.extract import Extract
    from tandem.nodes.labels import LabelTask

    settings: Settings = ctx.obj
    if (data is None) is not from_ledger:
        raise InvalidRequest("Rows come by --data or by --from-ledger.", "Give one of the two.")
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
        data=about or (data.name if data else "feedback"),
        agreement=from_ledger,
    )
    if picture is not None:
        refuse_without_matplotlib()
        if task == "extraction":
            raise InvalidRequest("Extraction has a curve a field, and no --picture.", "Omit it.")
    names = [label.strip() for label in labels.split(",")] if labels else []
    put = partial(save, settings, write=write, uncertified=uncertified)
    with _services(settings) as services:
        chosen = _task(task, services)
        rows = Rows(settings, data, names)
        if isinstance(chosen, LabelTask):
            calibrator = Calibrator(services, chosen, options, _progress())
            outcome = calibrator.run(rows.labelled(services, chosen))
            _tell(outcome, options, picture)
            put(outcome.calibration)
        elif isinstance(chosen, Extract):
            known = rows.known(task)
            put(_by_field(services, chosen, known, options))
        elif from_ledger:
            raise InvalidRequest(
                f"What people said of an answer of {task} says nothing of another one.",
                "Calibrate it with rows of --data; see docs/calibration.md.",
            )
        else:
            made = _by_signals(services, chosen, rows.known(task), options, picture)
            put(made)


@dataclass(frozen=True)
class Rows:
    """Where rows come from: a file, or what people said (`data` is None)."""

    settings: Settings
    data: Path | None
    names: list[str]

    def labelled(self, services: Services, task: LabelTask) -> LabelledRows:
        """Rows of a label task."""
        from tandem.loop.from_ledger import label_rows
        from tandem.loop.labelled import read_labelled

        if self.data is not None:
            return read_labelled(self.data, self.names)
        return label_rows(services, task, self.known(task.name), self.names)

    def known(self, task: str) -> list[KnownRow]:
        """Requests with what would be right."""
        from tandem.ledger.store import Ledger
        from tandem.loop.calibrate_signals import read_known
        from tandem.loop.from_ledger import judged_rows

        if self.data is not None:
            return read_known(self.data, task)
        ledger = Ledger.from_settings(self.settings)
        try:
            judged = judged_rows(ledger, task)
        finally:
            ledger.close()
        typer.echo(f"{judged.words}.")
        return judged.rows


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


def _by_signals(
    services: Services,
    task: Task,
    rows: list[KnownRow],
    options: Options,
    picture: Path | None,
) -> SignalCalibration:
    from tandem.loop.calibrate_signals import SignalCalibrator, told
    from tandem.loop.pictures import in_text, to_png

    outcome = SignalCalibrator(services, task, options, _progress()).run(rows)
    curves = {"slm": outcome.curve}
    for line in (*in_text(curves), "", *told(outcome, options.target)):
        typer.echo(line)
    if picture is not None:
        to_png(curves, picture, f"{task.name}, test rows")
        typer.echo(f"The curve stands in {picture}.")
    return outcome.calibration


def _by_field(
    services: Services, task: Task, rows: list[KnownRow], options: Options
) -> FieldCalibration:
    from tandem.loop.calibrate_fields import FieldCalibrator, told

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


def _progress() -> Any:
    shown = sys.stderr.isatty()

    def tell(what: str, done: int, of: int) -> None:
        if shown:
            end = "\n" if done == of else ""
            typer.echo(f"\r{what}: {done} of {of}   {end}", nl=False, err=True)

    return tell
