"""`tandem runs`: runs that wait for a person, or were interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from tandem.cli.ask import show
from tandem.cli.requests import EXIT_BY_STATUS
from tandem.errors import TandemError
from tandem.ledger.effects import ENDED
from tandem.records import Answer, Approval
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.app import Tandem

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True)
RunId = Annotated[str, typer.Argument(help="The run's id; see `tandem runs list`.")]
StepId = Annotated[
    str, typer.Argument(help="The step, such as s2; needed once the run has asked about two.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_runs(
    ctx: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that can go on.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """The runs that are kept step by step, newest first, and what each waits for."""
    rows = _with(ctx, lambda tandem: tandem.runs.listed(only_open=only_open, limit=limit))
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        begun = datetime.fromtimestamp(row["started"]).astimezone().strftime("%Y-%m-%d %H:%M")
        steps = ", ".join(row["waits_for"])
        forked = f"  (fork of {row['forked_from']})" if row["forked_from"] else ""
        typer.echo(f"{row['run_id']}  {begun}  {row['task']:<10} {row['state']} {steps}{forked}")
    if not rows:
        typer.echo("No run is kept here; checkpoints.tasks names the tasks whose runs are.")


@app.command("show")
def show_run(ctx: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """How a run stands: its steps, what it asks, or the answer it ended with.

    Commands to go on with are shown where they can work; else why they cannot.
    """
    told = _with(ctx, lambda tandem: tandem.runs.told(run_id))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{run_id}: {told['state']}")
    with_effects = {effect["step_id"] for effect in told["effects"]}
    for step in told["steps"]:
        if step["id"] not in with_effects:
            typer.echo(f"  {step['id']} {step['tool']}: {step['status']}")
    for effect in told["effects"]:
        typer.echo(f"  {effect['step_id']} {effect['tool']}: {_how(effect, told['state'])}")
    if told["answer"]:
        answer = _without_commands(told["answer"]) if told["obstacle"] else told["answer"]
        show(answer, ctx.obj.currency, as_json=False)
    if told["forks_at"] and told["state"] not in ("waiting", "interrupted", "working"):
        steps = ", ".join(told["forks_at"])
        typer.echo(f"  tandem runs fork {run_id} STEP begins anew at one of: {steps}", err=True)
    if told["obstacle"]:
        typer.echo(told["obstacle"], err=True)
    elif told["state"] == "interrupted":
        typer.echo(f"  tandem runs resume {run_id}", err=True)


@app.command("resume")
def resume(ctx: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """Go on with a run that was interrupted where it was; finished steps are not done again.

    Exit code: as of `tandem ask`, so 5 where it waits for a person.
    """
    _go_on(ctx, as_json, lambda tandem: tandem.resume(run_id))


@app.command("approve")
def approve(
    ctx: typer.Context,
    run_id: RunId,
    step: StepId = "",
    again: Annotated[
        bool, typer.Option(help="Of a step that may have happened: do it again.")
    ] = False,
    happened: Annotated[
        bool, typer.Option(help="Of a step that may have happened: it has, so do not.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let a step with side effects be done, and go on. Exit code: as of `tandem ask`."""
    _go_on(
        ctx,
        as_json,
        lambda tandem: tandem.approve(run_id, step, again=again, happened=happened),
    )


@app.command("reject")
def reject(ctx: typer.Context, run_id: RunId, step: StepId = "", as_json: AsJson = False) -> None:
    """Let a step not be done, and go on without it. Exit code: as of `tandem ask`."""
    _go_on(ctx, as_json, lambda tandem: tandem.reject(run_id, step))


@app.command("cancel")
def cancel(ctx: typer.Context, run_id: RunId) -> None:
    """End a run that waits or was interrupted. What it did stands; nothing more is done."""
    _with(ctx, lambda tandem: tandem.cancel(run_id))
    typer.echo(f"{run_id}: cancelled.")


@app.command("fork")
def fork(
    ctx: typer.Context,
    run_id: RunId,
    step: Annotated[str, typer.Argument(help="The step to begin anew at, such as s2.")],
    as_json: AsJson = False,
) -> None:
    """Begin a new run with all that RUN_ID did before STEP, and go on from there.

    Effects until then are not done again; later ones are asked for anew.
    """
    _go_on(ctx, as_json, lambda tandem: tandem.fork(run_id, step))


@app.command("purge")
def purge(ctx: typer.Context) -> None:
    """Delete checkpoints older than checkpoints.days, as every process does on its first one."""
    purged = _with(ctx, lambda tandem: tandem.runs.purge())
    typer.echo(f"{purged.deleted} runs' checkpoints deleted.")
    if purged.at_work:
        typer.echo(f"{purged.at_work} are being worked at, and stay.")


def _how(effect: Mapping[str, Any], state: str) -> str:
    """How a step with a side effect stands, and since when it waits."""
    if effect["status"] in ENDED or state != "waiting":
        return str(effect["status"])
    since = datetime.fromtimestamp(effect["asked"]).astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{effect['status']}; waits for a person since {since}, which is no time of the run's"


def _without_commands(answer: Answer) -> Answer:
    """What is asked, without the commands that would be refused."""
    asked = [cast("Approval", {**each, "answers": []}) for each in answer.get("approvals", ())]
    return {**answer, "approvals": asked}


def _with(ctx: typer.Context, work: Callable[[Tandem], T]) -> T:
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.app import Tandem

    with Tandem(ctx.obj) as tandem:
        return work(tandem)


def _go_on(ctx: typer.Context, as_json: bool, work: Callable[[Tandem], Answer]) -> None:
    settings: Settings = ctx.obj
    try:
        answer = _with(ctx, work)
    except TandemError as error:
        if error.answer is not None and (as_json or error.answer["attempts"]):
            show(error.answer, settings.currency, as_json)
        raise
    show(answer, settings.currency, as_json)
    raise typer.Exit(EXIT_BY_STATUS[answer["status"]])
