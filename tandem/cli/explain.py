"""`tandem explain`: what would be done with a request, or was done in a run, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.cli.requests import schema_of, text_of
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.nodes.explain import Explanation


def command(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="The request; `-` reads standard input.")] = "",
    task: Annotated[str, typer.Option(help="Declare the task.")] = "",
    schema: Annotated[str, typer.Option(help="Ready schema, JSON file or JSON.")] = "",
    labels: Annotated[str, typer.Option(help="Labels, separated by commas.")] = "",
    file: Annotated[list[Path] | None, typer.Option(help="A document; may be repeated.")] = None,
    sensitivity: Annotated[str, typer.Option(help="Raise the sensitivity.")] = "",
    latency: Annotated[str, typer.Option(help="realtime or async.")] = "",
    deadline_ms: Annotated[int | None, typer.Option(help="Answer within this time.")] = None,
    quality: Annotated[float | None, typer.Option(help="Asked share of right answers.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose request it is.")] = "",
    private_only: Annotated[bool, typer.Option(help="No public model may see it.")] = False,
    read: Annotated[
        bool, typer.Option("--read", help="Let the SLM read the task where nothing else tells it.")
    ] = False,
    run: Annotated[str, typer.Option(help="Explain this past run, by its id, instead.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what would be done with a request, and why, without running it.

    No model is asked (but see --read) and nothing is written. The reasons are the ones that an
    answer carries and the ledger keeps; --run shows those of a run that is over.
    """
    settings: Settings = ctx.obj
    if bool(run) == bool(text):
        raise InvalidRequest(
            "Nothing to explain was named." if not run else "A text and a run were named.",
            "Give a text, or --run with a run's id.",
        )
    if run:
        _show_run(settings, run, as_json)
        return
    fields = {
        "task": task,
        "output_schema": schema_of(schema) if schema else "",
        "labels": [label.strip() for label in labels.split(",")] if labels else [],
        "files": file or [],
        "sensitivity": sensitivity,
        "latency": latency,
        "deadline_ms": deadline_ms,
        "quality": quality,
        "tenant": tenant,
    }
    given = {key: value for key, value in fields.items() if value not in ("", [], None)}
    told = _explained(settings, text_of(text), given, private_only, read)
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2) if as_json else words(told, settings))


def _explained(
    settings: Settings, text: str, fields: dict[str, Any], private_only: bool, read: bool
) -> Explanation:
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.app import Tandem
    from tandem.nodes.state import Context

    with Tandem(settings) as tandem:
        context = Context(private_only=private_only)
        return tandem.explain(text, read=read, context=context, **fields)


def words(told: Explanation, settings: Settings) -> str:
    """The explanation as lines: what it is, where it goes, and one line a reason."""
    profile, decision, refused = told["profile"], told["decision"], told["refused"]
    complexity = profile["complexity"]
    quality = profile["quality"]
    lines = [
        f"task         {profile['task'] or '-'} ({profile['task_confidence']:.2f})",
        f"complexity   {'not known' if complexity is None else f'{complexity:.2f}'}",
        f"sensitivity  {profile['sensitivity']}{_evidence(profile['evidence'])}",
        f"latency      {profile['latency']}, {told['deadline_s']:g} s",
        f"quality      {'nothing asked' if quality is None else f'{quality:.2f}'}",
        f"tenant       {profile['tenant'] or '-'}",
    ]
    if decision:
        tier = decision["tier"]
        onwards = "the LLM may repair it" if decision["may_escalate"] else "the LLM repairs nothing"
        further = f"; {onwards}" if tier == "slm" else ""
        lines.append(f"goes to      {decision['node']} on the {tier.upper()}{further}")
    if refused:
        lines.append(f"goes to      nobody ({refused['code']})")
    if told["attempts"]:
        cost = sum(attempt["cost"] for attempt in told["attempts"])
        lines.append(f"reading      {cost:.6f} {settings.currency}, not in the ledger")
    return "\n".join([*lines, *(f"  - {reason}" for reason in told["reasons"])])


def _evidence(evidence: Any) -> str:
    kinds = sorted({each["type"] for each in evidence})
    return f" ({', '.join(kinds)})" if kinds else ""


def _show_run(settings: Settings, run_id: str, as_json: bool) -> None:
    from tandem.ledger.store import Ledger

    ledger = Ledger.from_settings(settings)
    try:
        row = ledger.run(run_id)
    finally:
        ledger.close()
    if row is None:
        raise InvalidRequest(
            f"The ledger {ledger.where} holds no run of that id.",
            "Take the run_id of an answer (`tandem ask --json`), and the same settings file.",
        )
    # Texts stay in the ledger: an explanation is for showing around.
    row = {key: value for key, value in row.items() if key != "request"}
    row["attempts"] = [
        {key: value for key, value in attempt.items() if key != "output"}
        for attempt in row["attempts"]
    ]
    typer.echo(json.dumps(row, indent=2) if as_json else run_words(row))


def run_words(row: dict[str, Any]) -> str:
    """A run's row as lines: how it ended, its attempts, and one line a reason."""
    cost = "-" if row["cost"] is None else f"{row['cost']:.6f} {row['currency']}"
    lines = [
        f"{row['task'] or '-'}: {row['status']} by {row['tier'] or 'nobody'}, {cost}; "
        f"sensitivity {row['sensitivity'] or 'not known'}, {row['latency'] or 'no latency class'}"
    ]
    for attempt in row["attempts"]:
        accepted = {True: "accepted", False: "rejected", None: "not judged"}[attempt["accepted"]]
        lines.append(
            f"{attempt['purpose']} by {attempt['tier']} ({attempt['model'] or 'no model'}): "
            f"{accepted}, {attempt['seconds']:.2f} s, {attempt['cost']:.6f}"
        )
    return "\n".join([*lines, *(f"  - {reason}" for reason in row["reasons"])])
