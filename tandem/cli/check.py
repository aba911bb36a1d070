"""`tandem check`: whether what was promised still holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tandem.cli.report import started_since
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.ledger.shadow import ShadowReport
    from tandem.loop.drift_records import TaskCheck

EXIT_BROKEN: Final = 5
_NONE: Final = "No calibrations: nothing is promised. `tandem calibrate` makes the first."


def command(
    ctx: typer.Context,
    task: Annotated[str, typer.Option(help="Only this task.")] = "",
    since: Annotated[
        str, typer.Option(help="Runs started since: 2026-11-01, 2026-11-01T08:00, or 24h, 7d.")
    ] = "7d",
    rows: Annotated[int, typer.Option(min=20, help="Fewer rows than this test nothing.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare recent scores, feedback and the shadow with what calibrations promised.

    Says for each task whether its promise holds, is in doubt or broken, or how many rows it takes
    to tell. Exit code: 5 where a promise is broken, else 0. No model is asked.
    """
    start = started_since(since, datetime.now().astimezone())
    checks, others = _checked(ctx.obj, task, start, rows)
    if as_json:
        typer.echo(json.dumps({"calibrated": checks, "uncalibrated": others}, indent=2))
    else:
        for line in _lines(checks, others):
            typer.echo(line)
    raise typer.Exit(EXIT_BROKEN if any(one["status"] == "broken" for one in checks) else 0)


def _checked(
    settings: Settings, task: str, since: datetime, rows: int
) -> tuple[list[TaskCheck], list[ShadowReport]]:
    from tandem.graphs.tasks import Tasks
    from tandem.ledger.report import report
    from tandem.loop.drift import check_drift
    from tandem.loop.in_force import in_force
    from tandem.services import Services

    services = Services(settings)
    try:
        tasks = Tasks(services)
        if task and task not in tasks:
            raise InvalidRequest(f"There is no task {task!r}.", f"Tasks: {', '.join(tasks)}.")
        found = [one for one in in_force(services, tasks) if task in ("", one.task)]
        checks = check_drift(services.ledger, found, since, rows)
        shadows = report(services.ledger, since, task=task or None)["shadow"]
    finally:
        services.close()
    calibrated = {one["task"] for one in checks}
    return checks, [one for one in shadows if one["task"] not in calibrated]


def _lines(checks: list[TaskCheck], others: list[ShadowReport]) -> Iterator[str]:
    if not checks:
        yield _NONE
    for one in checks:
        yield from _told(one)
    for other in others:
        yield f"{other['task']}: nothing is promised"
        yield _shadow(other, 0.95)


def _told(one: TaskCheck) -> Iterator[str]:
    labels = one["labels"]
    shown = ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
    yield f"{one['task']}{f' ({shown})' if shown else ''}: {one['status'].upper()}"
    if one["promise"]:
        yield f"  promise: {one['promise']}"
    for reason in one["reasons"]:
        yield f"  - {reason}"
    for shift in one["scores"]:
        yield f"  scores of the {shift['stage']}: " + (
            f"{shift['recent']} recent ones, {shift['reference']} of calibration"
            + ("" if shift["p"] is None else f", distance {shift['distance']:.2f}")
            + ("" if shift["p"] is None else f" (p {shift['p']:.2g})")
        )
    if one["outside"]:
        yield (
            f"  {one['outside']} more answers left without the LLM, by margin; the promise does "
            "not speak of them"
        )
    feedback, sure = one["feedback"], f"{one['confidence']:.4g} confidence"
    if feedback["complaints"] is not None:
        yield (
            f"  complaints: {feedback['wrong']} of {feedback['given']} judged answers "
            f"({one['accepted']} accepted under the promise), {feedback['complaints']:.1%} "
            f"[{feedback['low']:.1%}, {feedback['high']:.1%}], {sure}"
        )
    if one["shadow"]["asked"]:
        yield _shadow(one["shadow"], one["confidence"])
    if one["remedy"]:
        yield f"  What to do: {one['remedy']}"


def _shadow(told: ShadowReport, confidence: float) -> str:
    if told["agreement"] is None:
        return f"  shadow: {told['asked']} asked, none could be compared"
    return (
        f"  shadow: the LLM agrees with {told['agreement']:.1%} "
        f"[{told['low']:.1%}, {told['high']:.1%}], {confidence:.4g} confidence, "
        f"{told['compared']} compared"
    )
