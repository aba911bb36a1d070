"""`tandem check`: whether what was promised still holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from tandem.cli.report import started_since
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.ledger.shadow import ShadowReport
    from tandem.loop.drift_records import Shipped, TaskCheck

EXIT_BROKEN: Final = 5
_NONE: Final = (
    "No calibration of your own is in force: nothing is promised of your requests. "
    "`tandem calibrate` makes the first."
)
_SHIPPED: Final = (
    "In force and shipped with Tandem; no request with these labels was answered in the time "
    "looked at. Such a promise holds for rows like those it was made of, and nothing was tried on "
    "yours: calibrate with your own rows, or set [calibration] shipped = false."
)


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
    found = _checked(ctx.obj, task, start, rows)
    if as_json:
        typer.echo(json.dumps(found._asdict(), indent=2))
    else:
        for line in _lines(found):
            typer.echo(line)
    broken = any(one["status"] == "broken" for one in found.calibrated)
    raise typer.Exit(EXIT_BROKEN if broken else 0)


class _Checked(NamedTuple):
    calibrated: list[TaskCheck]
    uncalibrated: list[ShadowReport]
    shipped: list[Shipped]
    """What came with Tandem and had nothing to answer."""


def _checked(settings: Settings, task: str, since: datetime, rows: int) -> _Checked:
    from tandem.graphs.tasks import Tasks
    from tandem.ledger.report import report
    from tandem.loop.drift import check_drift
    from tandem.loop.in_force import in_force, shipped_and_unused
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
    used = {(one["task"], tuple(one["labels"])) for one in checks}
    calibrated = {one["task"] for one in checks}
    others = [one for one in shadows if one["task"] not in calibrated]
    return _Checked(checks, others, shipped_and_unused(found, used))


def _lines(found: _Checked) -> Iterator[str]:
    if all(one["shipped"] for one in found.calibrated):
        yield _NONE
    for one in found.calibrated:
        yield from _told(one)
    if found.shipped:
        yield _SHIPPED
    for shipped in found.shipped:
        yield f"{_named(shipped['task'], shipped['labels'])}, made of {shipped['data']}"
        yield f"  {shipped['promise'] or 'nothing is promised'}"
        yield from (f"  - {note}" for note in shipped["notes"])
    for other in found.uncalibrated:
        yield f"{other['task']}: nothing is promised"
        yield _shadow(other, 0.95)


def _told(one: TaskCheck) -> Iterator[str]:
    yield f"{_named(one['task'], one['labels'])}: {one['status'].upper()}"
    if one["shipped"]:
        yield f"  shipped with Tandem, made of {one['data']}: what is promised is of such rows"
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


def _named(task: str, labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
    return f"{task} ({shown})" if shown else task


def _shadow(told: ShadowReport, confidence: float) -> str:
    if told["agreement"] is None:
        return f"  shadow: {told['asked']} asked, none could be compared"
    return (
        f"  shadow: the LLM agrees with {told['agreement']:.1%} "
        f"[{told['low']:.1%}, {told['high']:.1%}], {confidence:.4g} confidence, "
        f"{told['compared']} compared"
    )
