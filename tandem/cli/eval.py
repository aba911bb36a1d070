"""`tandem eval`: policies side by side on a suite, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tandem.cli.eval_tables import show, show_checks
from tandem.cli.upload import upload as send
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.evals.result import Result

EXIT_FELL: Final = 5
"""Quality fell below the baseline."""


def command(
    ctx: typer.Context,
    suite: Annotated[str, typer.Argument(help="A suite's name, or a TOML file of your own.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(help="slm_only, llm_only, tandem, random_mix:SHARE, settings:FILE."),
    ] = None,
    n: Annotated[int | None, typer.Option("--n", min=1, help="At most so many rows.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The full set: a file, or a folder that holds it.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="A baseline: exit code 5 where quality fell below it.")
    ] = None,
    save_baseline: Annotated[
        Path | None, typer.Option(help="Write this run's quality into a baseline.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of results; else .tandem/evals/SUITE.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder of the report; else `reports` beside the results.")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="Drop an earlier run's results.")] = False,
    upload: Annotated[
        bool, typer.Option("--upload", help="Send the results to LangSmith, masked.")
    ] = False,
) -> None:
    """Evaluate SUITE under each policy. Stopped half-way, the same command goes on.

    Model answers are kept, so that a repeat costs seconds; times and costs are those measured when
    the model really answered.
    """
    from tandem.evals import gate
    from tandem.evals.evaluation import Evaluator, Plan
    from tandem.evals.langsmith_client import connect
    from tandem.evals.report import REPORTS, Report
    from tandem.evals.targets import POLICIES

    settings: Settings = ctx.obj
    baseline = gate.read_baseline(against) if against else None
    # Before the run, so that a missing key costs no hours.
    client = connect() if upload else None
    plan = Plan(suite, tuple(policy or POLICIES), n, data, fresh)
    folder = out or settings.path(".tandem/evals") / Path(suite).stem
    evaluator = Evaluator(settings, plan, folder)
    console = Console()
    for notice in evaluator.loaded.notices:
        console.print(f"note: {notice}", soft_wrap=True)
    if not evaluator.total:
        console.print(f"{suite}: nothing to run.")
        return
    with _Bar(console, evaluator.total) as bar:
        evaluation = evaluator.run(bar.add, bar.add)
    show(evaluation.summary, console)
    for notice in evaluation.summary["notices"][len(evaluator.loaded.notices) :]:
        console.print(f"note: {notice}", soft_wrap=True)
    console.print(f"Results and summary: {evaluation.folder}", soft_wrap=True)
    written = Report(evaluation.summary, evaluation.results, evaluator.loaded.suites).write(
        report or evaluation.folder / REPORTS
    )
    console.print(f"Report: {written}", soft_wrap=True)
    if client is not None:
        send(client, evaluation, evaluator.loaded, settings, console)
    if save_baseline:
        gate.merge(save_baseline, evaluation.summary)
    if baseline is not None:
        checks = gate.check(evaluation.summary, baseline)
        show_checks(checks, console)
        if any(check.fell for check in checks):
            raise typer.Exit(EXIT_FELL)


class _Bar:
    """The progress bar; on a terminal only."""

    def __init__(self, console: Console, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def add(self, result: Result) -> None:
        self._progress.update(self._task, advance=1, description=result["policy"])
