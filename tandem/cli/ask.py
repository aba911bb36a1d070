"""`tandem ask`: one request, its answer, and why it went the way it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tandem.cli.continuing import CONTINUE, DRAFT, going_on
from tandem.cli.requests import EXIT_BY_STATUS, schema_of, text_of
from tandem.cli.sources import coverage_text, decided_by, sources_text, with_left_out
from tandem.errors import TandemError
from tandem.records import Answer, Approval
from tandem.settings import Settings

_COMMANDS: Final = {
    "approve": "approve {run} {step}",
    "reject": "reject {run} {step}",
    "repeat": "approve {run} {step} --again",
    "happened": "approve {run} {step} --happened",
}
"""What follows `tandem runs`, by what may be answered."""


def command(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="The request; `-` reads standard input.")],
    task: Annotated[str, typer.Option(help="Declare the task.")] = "",
    schema: Annotated[str, typer.Option(help="Ready schema, JSON file or JSON.")] = "",
    labels: Annotated[str, typer.Option(help="Labels, separated by commas.")] = "",
    template: Annotated[str, typer.Option(help="Template with {slots}, for drafts.")] = "",
    file: Annotated[list[Path] | None, typer.Option(help="A document; may be repeated.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Its files are the documents to research in.")
    ] = None,
    go_on: Annotated[
        Path | None,
        typer.Option(
            "--continue", help="An unfinished text's answer (--json > FILE): write the rest of it."
        ),
    ] = None,
    sensitivity: Annotated[str, typer.Option(help="Raise the sensitivity.")] = "",
    deadline_ms: Annotated[int | None, typer.Option(help="Answer within this time.")] = None,
    latency: Annotated[str, typer.Option(help="realtime (with a deadline) or async.")] = "",
    on_late: Annotated[
        str, typer.Option(help="Where time is up: unverified (an unsure answer will do) or error.")
    ] = "",
    quality: Annotated[float | None, typer.Option(help="Asked share of right answers.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose request it is.")] = "",
    private_only: Annotated[bool, typer.Option(help="No public model may see it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")] = False,
) -> None:
    """Answer one request.

    Exit code: 0 accepted, 3 unverified or to be reviewed, 4 rejected by every check, 5 waiting for
    approval (`tandem runs approve`), 2 invalid request, 1 another error (a model that is down, a
    deadline).
    """
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.app import Tandem
    from tandem.nodes.state import Context

    settings: Settings = ctx.obj
    given = {
        "task": task,
        "output_schema": schema_of(schema) if schema else "",
        "labels": [label.strip() for label in labels.split(",")] if labels else [],
        "template": template,
        "files": file or [],
        "folder": folder,
        "sensitivity": sensitivity,
        "deadline_ms": deadline_ms,
        "latency": latency,
        "on_late": on_late,
        "quality": quality,
        "tenant": tenant,
    }
    fields: dict[str, Any] = {key: value for key, value in given.items() if value not in ("", [])}
    fields = {key: value for key, value in fields.items() if value is not None}
    with Tandem(settings) as tandem:
        try:
            context = Context(private_only=private_only)
            asked = text_of(text)
            if go_on is not None:
                fields = {**going_on(asked, go_on), **fields}
                asked = CONTINUE
            answer = tandem.run(asked, context=context, **fields)
        except TandemError as error:
            if error.answer is not None and (as_json or error.answer["attempts"]):
                show(with_left_out(error.answer, folder), settings.currency, as_json)
            raise
    show(with_left_out(answer, folder), settings.currency, as_json)
    raise typer.Exit(EXIT_BY_STATUS[answer["status"]])


def show(answer: Answer, currency: str, as_json: bool) -> None:
    """Print an answer: its output alone to stdout, the rest to stderr."""
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
        return
    if answer["output"] is not None:
        typer.echo(_readable(answer["output"]))
    elif answer["draft"] is not None:
        # Not on stdout: a script that reads it must not take a draft for an answer.
        typer.echo(DRAFT.format(status=answer["status"]), err=True)
        typer.echo(_readable(answer["draft"]), err=True)
    for asked in answer.get("approvals", ()):
        typer.echo(question(asked), err=True)
    if covered := coverage_text(answer["output"] or answer["draft"]):
        typer.echo(covered, err=True)
    typer.echo(summary(answer, currency), err=True)


def _readable(output: Any) -> str:
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.app import text_of

    text = text_of(output)
    if not text and isinstance(output, dict) and isinstance(output.get("label"), str):
        text = output["label"]
    if text and (sources := sources_text(output)):
        return f"{text}\n\n{sources}"
    return text or json.dumps(output, ensure_ascii=False, indent=2)


def question(asked: Approval) -> str:
    """What a person has to decide, and by which commands."""
    run, step = asked["run_id"], asked["step_id"]
    arguments = json.dumps(asked["arguments"], ensure_ascii=False, indent=2)
    commands = [
        f"tandem runs {_COMMANDS[each].format(run=run, step=step)}" for each in asked["answers"]
    ]
    lines = [f"{step}: {asked['words']}", arguments, *(f"  {one}" for one in commands)]
    return "\n".join(_visible(line) for text in lines for line in text.split("\n"))


def _visible(line: str) -> str:
    """`line` with what a terminal would not show, or would obey, as escapes: a planted value must
    not look like another one."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in line)


def summary(answer: Answer, currency: str) -> str:
    """One line of figures and one line a reason."""
    estimated = " (estimated)" if answer["all_llm_estimated"] else ""
    figures = (
        f"{answer['task'] or '-'}: {answer['status']} by {decided_by(answer)} in "
        f"{answer['seconds']:.2f} s, {answer['cost']:.6f} {currency}; "
        f"all-LLM {answer['all_llm_cost']:.6f}{estimated}; run {answer['run_id']}"
    )
    return "\n".join([figures, *(f"  - {reason}" for reason in answer["reasons"])])
