"""`tandem feedback`: say whether an answer was right."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tandem.errors import InvalidRequest
from tandem.settings import Settings


def command(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(help="The answer's run_id; see `tandem ask --json`.")],
    correct: Annotated[
        bool | None, typer.Option("--correct/--wrong", help="Whether the answer was right.")
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(
            help="What would have been right: JSON, or a text. Alone, it is compared with the "
            "answer, where the ledger kept that."
        ),
    ] = None,
) -> None:
    """Note in the ledger whether the answer of RUN_ID was right; said again, the last word holds.

    A label stands for `{"label": ...}`. The value is kept only where ledger.texts keeps the run's
    texts, since it may hold as much of the request; elsewhere, say --correct or --wrong beside it.
    """
    from tandem.ledger.feedback import give
    from tandem.ledger.store import Ledger

    settings: Settings = ctx.obj
    ledger = Ledger.from_settings(settings)
    try:
        given = give(ledger, run_id, correct, None if value is None else _parsed(value))
    finally:
        ledger.close()
    typer.echo(f"{run_id}: noted as {'correct' if given['correct'] else 'wrong'}.")
    if not given["value_kept"]:
        typer.echo(
            "The value was not kept: the ledger keeps no texts of this run (ledger.texts).",
            err=True,
        )


def _parsed(value: str) -> Any:
    if not value.strip():
        raise InvalidRequest("The value is empty.", "Give the right output, or leave --value out.")
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
    except RecursionError:
        raise InvalidRequest("The value is nested too deeply.", "Give the output itself.") from None
