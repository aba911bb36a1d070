"""`tandem eval`: policies side by side on a suite, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tandem.cli.upload import upload as send
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.evals.gate import Check
    from tandem.evals.result import Result
    from tandem.evals.summary import Group, PolicySummary, Spread, Summary

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


def show(summary: Summary, console: Console) -> None:
    """Print the tables of each group, its comparisons, and what stands beside them."""
    from tandem.evals.summary import ORACLE

    for group in summary["groups"]:
        console.print(_outcomes(group))
        console.print(_costs(group, summary["currency"]))
        for one in group["comparisons"]:
            difference, finding = one["difference"], one["finding"]
            console.print(
                f"{one['a']} against {one['b']} on {one['n']} rows: {_signed(difference)}, "
                f"{finding} (p = {one['p']:.3f}, {one['test']})",
                soft_wrap=True,
            )
        for policy in group["policies"]:
            if policy["policy"] != ORACLE:
                console.print(f"{policy['policy']}: {'; '.join(_asides(policy))}", soft_wrap=True)
        console.print()


def _outcomes(group: Group) -> Table:
    title = f"{group['suite']}: quality is {group['primary']}"
    table = _table(title, "policy", "n", "quality (95 %)", "served", "right of served", "LLM asked")
    for policy in group["policies"]:
        table.add_row(
            policy["policy"],
            str(policy["n"]),
            _spread(policy["quality"]),
            _share(policy["served"]),
            _spread(policy["served_precision"]),
            _share(policy["llm_share"]),
        )
    return table


def _costs(group: Group, currency: str) -> Table:
    table = _table("", "policy", f"cost ({currency})", "of all-LLM", "p50 s", "p95 s", "own p50 ms")
    for policy in group["policies"]:
        ratio, own = policy["cost_ratio"], policy["overhead"]["p50"]
        about = "" if policy["all_llm_measured"] else "~"
        table.add_row(
            policy["policy"],
            f"{policy['cost']:.6f}",
            "-" if ratio is None else f"{about}{ratio:.1%}",
            _seconds(policy["seconds"]["p50"]),
            _seconds(policy["seconds"]["p95"]),
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
            f"{_share(caught['precision'])} were wrong; of the wrong ones they rejected "
            f"{_share(caught['recall'])}"
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
            f"{where}: {_spread(check.now)} {verdict} the baseline's {low:.3f} to {high:.3f}"
        )


def _spread(spread: Spread) -> str:
    if spread["mean"] is None:
        return "-"
    if spread["low"] is None or spread["high"] is None:
        return f"{spread['mean']:.3f}"
    return f"{spread['mean']:.3f} ({spread['low']:.3f}-{spread['high']:.3f})"


def _signed(spread: Spread) -> str:
    if spread["mean"] is None or spread["low"] is None or spread["high"] is None:
        return "-"
    return f"{spread['mean']:+.3f} ({spread['low']:+.3f} to {spread['high']:+.3f})"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
