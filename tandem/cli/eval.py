"""`tandem eval`: policies side by side on a suite, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tandem.cli.consoles import plain_console
from tandem.cli.eval_tables import show, show_checks
from tandem.cli.upload import upload as send
from tandem.errors import InvalidRequest, TandemError
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.evals.evaluation import Evaluation, Evaluator
    from tandem.evals.gate import Baseline
    from tandem.evals.report import Report
    from tandem.evals.result import Result

EXIT_FELL: Final = 5
"""Quality fell below the baseline."""


def command(
    ctx: typer.Context,
    suite: Annotated[str, typer.Argument(help="A suite's name, or a TOML file of your own.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="slm_only, llm_only, slm_on_pages, llm_on_pages (research), plain_loop (agent), "
            "slm_checked (tool use), llm_one_shot (long texts, contracts, "
            "reasoning), tandem, random_mix:SHARE, settings:FILE."
        ),
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
    joined: Annotated[
        list[Path] | None,
        typer.Option(
            "--with",
            help="Folder of other results that join the report; without --policy nothing is run.",
        ),
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
    from tandem.evals.policies import POLICIES
    from tandem.evals.report import REPORTS

    settings: Settings = ctx.obj
    policies = tuple(policy or (() if joined else POLICIES))
    if not policies and (upload or against or save_baseline):
        raise InvalidRequest(
            "--upload, --against and --save-baseline take the results of a run, not joined ones.",
            "Name the run's --policy too, or leave --with out.",
        )
    baseline = gate.read_baseline(against) if against else None
    # Before the run, so that a missing key costs no hours.
    client = connect() if upload else None
    plan = Plan(suite, policies, n, data, fresh)
    folder = out or settings.path(".tandem/evals") / Path(suite).stem
    evaluator = Evaluator(settings, plan, folder)
    console = plain_console()
    if policies:
        for notice in evaluator.loaded.notices:
            console.print(f"note: {notice}", soft_wrap=True)
    if not evaluator.total and not joined:
        if against or save_baseline or upload:
            raise InvalidRequest(
                f"{suite}: none of the policies applies to any row, so nothing was run.",
                "Choose another policy, or more rows.",
            )
        console.print(f"{suite}: nothing to run.")
        return
    evaluation = _run(evaluator, console)
    written = _report(suite, evaluator, evaluation, joined or [], settings, console)
    console.print(f"Report: {written.write(report or folder / REPORTS)}", soft_wrap=True)
    if evaluation is None:
        return
    if client is not None:
        send(client, evaluation, evaluator.loaded, settings, console)
    if save_baseline:
        gate.merge(save_baseline, evaluation.summary)
    if baseline is not None:
        _hold(evaluation, baseline, console)
    _refuse_nothing_but_errors(evaluation)


def _refuse_nothing_but_errors(evaluation: Evaluation) -> None:
    """Raises TandemError with the first error where no row at all was really tried."""
    errors = [one["error"] for one in evaluation.results]
    first = next((error for error in errors if error and error["code"] != "rejected"), None)
    if first is not None and all(errors):
        raise TandemError(
            f"Every row ended in an error, the first one: {first['what']}",
            first["remedy"] or "Correct the suite or the settings, and run the same command again.",
        )


def _run(evaluator: Evaluator, console: Console) -> Evaluation | None:
    """Run what there is to run; None where there is nothing (results are only joined)."""
    if not evaluator.total:
        return None
    with _Bar(console, evaluator.total) as bar:
        return evaluator.run(bar.add, bar.add)


def _report(
    suite: str,
    evaluator: Evaluator,
    evaluation: Evaluation | None,
    joined: list[Path],
    settings: Settings,
    console: Console,
) -> Report:
    """Show the run, and what is joined to it; the report of both."""
    from tandem.evals.joined import join
    from tandem.evals.report import Report
    from tandem.privacy.detectors import Detector

    suites, detector = evaluator.loaded.suites, Detector.from_settings(settings.privacy)
    if joined or evaluation is None:
        both = join(suite, evaluation, joined, suites, settings.currency)
        made = Report(both.summary, both.results, both.suites, detector)
    else:
        made = Report(evaluation.summary, evaluation.results, suites, detector)
    show(made.summary, console)
    told = evaluator.loaded.notices
    for notice in made.summary["notices"]:
        if notice not in told:
            console.print(f"note: {notice}", soft_wrap=True)
    if evaluation:
        console.print(f"Results and summary: {evaluation.folder}", soft_wrap=True)
    return made


def _hold(evaluation: Evaluation, baseline: Baseline, console: Console) -> None:
    from tandem.evals import gate

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
