"""`tandem policy`: look the policy over before it decides anything."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.routing.policy_check import Remark

app = typer.Typer(no_args_is_help=True)


@app.callback()
def policy() -> None:
    """Look the policy over."""


@app.command()
def check(
    ctx: typer.Context,
    task: Annotated[
        list[str] | None, typer.Option(help="A task of your application's own; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell of rules that can never match, and of tasks that nobody knows. Exit code: 1 where there
    are any, 0 where there are none or they could not be decided."""
    from tandem.graphs.tasks import Tasks
    from tandem.routing.policy_check import check_policy
    from tandem.services import Services

    settings: Settings = ctx.obj
    services = Services(settings)
    try:
        tasks = {*Tasks.known(services), *(task or ())}
        tiers = [services.tier("llm", name) for name in ("", *settings.tasks)]
        remarks = check_policy(settings, tasks, any(tier.private for tier in tiers))
    finally:
        services.close()
    rules = len(settings.policy.rules)
    if as_json:
        typer.echo(json.dumps({"rules": rules, "remarks": [asdict(each) for each in remarks]}))
    else:
        typer.echo(_words(remarks, rules))
    raise typer.Exit(int(any(remark.level == "error" for remark in remarks)))


def _words(remarks: list[Remark], rules: int) -> str:
    said = [f"{remark.level}: {_where(remark)}: {remark.what}" for remark in remarks]
    if not said:
        plural = "" if rules == 1 else "s"
        return f"{rules} rule{plural}: each can match, and every task is known."
    return "\n".join(said)


def _where(remark: Remark) -> str:
    return f"rule {remark.rule!r}" if remark.rule else "policy.budgets.tenants"
