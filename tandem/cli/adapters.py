"""`tandem adapters`: what was tuned, what is in force, and how to go back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.errors import InvalidRequest, ModelFileError
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.loop.challenge import Duel, Side
    from tandem.loop.challenge_fields import FieldDuel
    from tandem.loop.tune.fields import FieldSet
    from tandem.loop.tune.learning import LearningSet
    from tandem.models.adapters import AdapterCard
    from tandem.services import Services
    from tandem.stats import Comparison

EXIT_NOT_BETTER = 5
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("list")
def list_adapters(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Whole cards, as JSON.")] = False,
) -> None:
    """List adapters, the newest first, with what is in force."""
    from tandem.models.adapters import adapters_of

    settings: Settings = ctx.obj
    adapters = adapters_of(settings)
    try:
        adapters.promoted()
    except ModelFileError as error:
        typer.echo(str(error), err=True)
    cards, used = adapters.all(), {card.name for card in adapters.in_force().values()}
    if as_json:
        told = [{**asdict(card), "in_force": card.name in used} for card in cards]
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    if not cards:
        typer.echo("There are no adapters. `tandem tune TASK --data FILE` makes one.")
        return
    for card in cards:
        typer.echo(_line(card, card.name in used))


@app.command()
def promote(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="See `tandem adapters list`.")],
    data: Annotated[Path | None, typer.Option(help="The file that it was tuned with.")] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="It was tuned with the ledger's rows.")
    ] = False,
    test: Annotated[Path | None, typer.Option(help="As given to `tandem tune`.")] = None,
    dry_run: Annotated[
        bool, typer.Option(help="Compare, and put nothing in force; it counts as a try.")
    ] = False,
) -> None:
    """Compare NAME with what is in force, on rows that it never saw; put it in force where it is
    better by a paired test. The more often the same rows judged, the smaller p must be. Ends with 5
    where it is not better."""
    from tandem.services import Services

    services = Services(ctx.obj)
    card = services.adapters.get(name)
    given = _rows(services, card, data, test, from_ledger=from_ledger)
    if not _compared(services, card, given, dry_run=dry_run):
        raise typer.Exit(EXIT_NOT_BETTER)
    if dry_run:
        typer.echo("It is better; nothing was put in force (--dry-run).")
        return
    typer.echo(
        f"{name} is in force for {card.task}. Calibrations made without it no longer fit: run "
        "`tandem calibrate` again for a promise."
    )


def _rows(
    services: Services,
    card: AdapterCard,
    data: Path | None,
    test: Path | None,
    *,
    from_ledger: bool,
) -> LearningSet | FieldSet:
    """The rows that the adapter was tuned with, dealt out as they were then."""
    from tandem.cli.tune import file_set, ledger_set, privacy_of
    from tandem.loop.tune.learning import WITHIN

    choice, seed = card.data.get("sensitive_rows", "leave_out"), int(card.data.get("seed", 0))
    privacy = privacy_of(services, choice)
    if data is not None and not from_ledger:
        schema = card.data.get("schema", {})
        within = float(card.data.get(WITHIN, 1.0))
        return file_set(card.task, data, card.labels, schema, privacy, test, seed, within)
    if from_ledger and data is None and "until" in card.data:
        until = float(card.data["until"])
        return ledger_set(services, card.task, card.labels, privacy, until, seed)
    raise InvalidRequest(
        "The rows that it was tuned with come by --data or by --from-ledger.",
        "Give that of the two by which it was tuned; nothing was changed.",
    )


def _compared(
    services: Services, card: AdapterCard, given: LearningSet | FieldSet, *, dry_run: bool
) -> bool:
    """Whether the adapter won; then it is in force, unless `dry_run`."""
    from tandem.loop.challenge import Challenge, why_not
    from tandem.loop.challenge_fields import FieldChallenge
    from tandem.loop.tune.fields import FieldSet

    if isinstance(given, FieldSet):
        by_field = FieldChallenge(services, _progress)
        fields = by_field.duel(card, given)
        typer.echo(_told_fields(fields))
        won, why = fields.won, fields.why_not
        put: Callable[[], Any] = partial(by_field.promote, card, fields)
    else:
        challenge = Challenge(services, _progress)
        duel = challenge.duel(card, given)
        typer.echo(_told(duel))
        won, why = duel.won, why_not(duel)
        put = partial(challenge.promote, card, duel)
    if not won:
        typer.echo(f"Not put in force. {why}", err=True)
    elif not dry_run:
        put()
    return won


@app.command()
def rollback(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The adapter in force that is to go.")],
) -> None:
    """Take NAME out of force; what was in force before it is so again."""
    from tandem.loop.promoting import take_out_of_force
    from tandem.services import Services

    before = take_out_of_force(Services(ctx.obj), name)
    typer.echo(f"{name} is out of force; {before or 'the model as it is'} answers now.")


@app.command()
def remove(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="An adapter that is not in force.")],
) -> None:
    """Remove an adapter, finished or half-trained."""
    from tandem.models.adapters import adapters_of

    adapters_of(ctx.obj).remove(name)
    typer.echo(f"{name} was removed.")


def _line(card: AdapterCard, used: bool) -> str:
    won = card.quality.get("challenger", {}).get("right")
    quality = f", {won[0]:.3f} right of {won[3]}" if won else ""
    mark = "in force" if used else "        "
    fields = card.data.get("schema", {}).get("properties", {})
    asked = f"{len(card.labels)} labels" if card.labels else f"{len(fields)} fields"
    return f"{mark}  {card.name}  {card.task}, {asked}{quality}, {card.made[:10]}"


def _told(duel: Duel) -> str:
    lines = [_side(duel.champion), _side(duel.challenger), _side(duel.head)]
    lines += [_difference(duel.comparison), duel.which.words]
    if duel.head.right.mean >= duel.challenger.right.mean:
        lines.append(
            "The head alone is no worse, and costs milliseconds: `tandem calibrate` puts it in "
            "force."
        )
    return "\n".join(lines)


def _told_fields(duel: FieldDuel) -> str:
    lines = [_side(duel.champion), _side(duel.challenger), _difference(duel.comparison)]
    lines += [duel.which.words, ""]
    lines.append(f"{'field':20} {'in force':>8} {'new':>8}")
    for name, one in duel.fields.items():
        lines.append(
            f"{name:20} {one.champion.mean:8.3f} {one.challenger.mean:8.3f}  "
            f"{_difference(one.comparison)}"
        )
    return "\n".join(lines)


def _difference(comparison: Comparison) -> str:
    difference = comparison.difference
    return (
        f"difference {difference.mean:+.3f} ({difference.low:+.3f} to {difference.high:+.3f}), "
        f"p {comparison.p:.4f}, n {difference.n}: {comparison.finding}"
    )


def _side(side: Side) -> str:
    right = side.right
    seconds = f"p50 {side.p50_s or 0:.3f} s, p95 {side.p95_s or 0:.3f} s"
    return f"{side.name}: {right.mean:.3f} ({right.low:.3f} to {right.high:.3f}) right, {seconds}"


def _progress(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{what}: {done} of {of}   ", nl=done == of, err=True)
