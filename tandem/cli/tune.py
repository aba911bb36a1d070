"""`tandem tune`: fine-tune the small model for a task, from rows with the right answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.loop.tune.fields import FieldSet
    from tandem.loop.tune.learning import LearningSet, Privacy
    from tandem.loop.tune.recipe import Recipe
    from tandem.loop.tune.tuning import Learnable
    from tandem.models.adapters import AdapterCard
    from tandem.services import Services

EXIT_STOPPED = 130
SENSITIVE = ("leave_out", "mask", "keep")


def command(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(help="sentiment, document_classification, extraction.")],
    data: Annotated[
        Path | None, typer.Option(help="JSON lines: text, and label or expected.")
    ] = None,
    schema: Annotated[
        str,
        typer.Option(help="For extraction: JSON file, ready schema, or fields by commas."),
    ] = "",
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Rows of failures and feedback; see improve.")
    ] = False,
    test: Annotated[
        Path | None, typer.Option(help="Rows to judge by; else a share of the data's.")
    ] = None,
    labels: Annotated[
        str, typer.Option(help="The label set, by commas; else the labels of the file.")
    ] = "",
    name: Annotated[str, typer.Option(help="The adapter's name; else TASK-DATE-SUM.")] = "",
    minutes: Annotated[float, typer.Option(min=0, help="At most so long; 0: no limit.")] = 20.0,
    epochs: Annotated[int, typer.Option(min=1, help="How often each row is seen at most.")] = 1,
    rank: Annotated[int, typer.Option(min=1, max=256, help="The adapter's rank.")] = 16,
    rate: Annotated[float, typer.Option(min=0, help="The highest learning rate.")] = 4e-4,
    batch: Annotated[int, typer.Option(min=1, help="Rows a step.")] = 8,
    last_layers: Annotated[int, typer.Option(min=0, help="Only the last so many; 0: all.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=32, help="Longer rows are left out.")] = 1024,
    threads: Annotated[int, typer.Option(min=0, help="Cores to use; 0: all.")] = 0,
    sensitive: Annotated[
        str, typer.Option(help="Sensitive rows: leave_out, mask or keep.")
    ] = "leave_out",
    seed: Annotated[int, typer.Option(help="Deals the rows out, and their order.")] = 0,
) -> None:
    """Train an adapter and write its card; `tandem adapters promote` puts it in force.

    A training that was stopped, or killed, goes on by the same command. Nothing that runs is
    touched.
    """
    from tandem.loop.tune.recipe import Recipe
    from tandem.services import Services

    settings: Settings = ctx.obj
    if sensitive not in SENSITIVE:
        raise InvalidRequest(f"--sensitive is one of {', '.join(SENSITIVE)}.", "Correct it.")
    if (data is None) is not from_ledger or (from_ledger and test is not None):
        raise InvalidRequest(
            "Rows come by --data (with --test, if you like) or by --from-ledger.",
            "Give one of the two.",
        )
    if rate <= 0:
        raise InvalidRequest("--rate must be above 0.", "Such as 4e-4.")
    recipe = Recipe(
        rank=rank,
        alpha=2 * rank,
        rate=rate,
        batch=batch,
        epochs=epochs,
        minutes=minutes,
        max_tokens=max_tokens,
        last_layers=last_layers,
        threads=threads,
        seed=seed,
    )
    names = [label.strip() for label in labels.split(",")] if labels else []
    services = Services(settings)
    refuse_other_tasks(task, services, schema, labels=bool(names), from_ledger=from_ledger)
    privacy = privacy_of(services, sensitive)
    if data is not None:
        given = file_set(task, data, names, schema, privacy, test, seed)
    else:
        given = ledger_set(services, task, names, privacy, seed=seed)
    typer.echo(_told(given), err=True)
    _train(services, task, recipe, name or _name(task, given), given)


def ledger_set(
    services: Services,
    task: str,
    names: Sequence[str],
    privacy: Privacy,
    until: float | None = None,
    seed: int = 0,
) -> LearningSet:
    """The rows that the ledger holds, or held at the moment `until`."""
    from tandem.cli.improve import existing_ledger
    from tandem.loop.improve.ledger_set import LedgerRows

    ledger = existing_ledger(services.settings)
    try:
        rows = LedgerRows(services, ledger, privacy)
        return rows.learning_set(task, names, until, seed)
    finally:
        ledger.close()


def file_set(
    task: str,
    data: Path,
    names: Sequence[str],
    schema: str | Mapping[str, Any],
    privacy: Privacy,
    test: Path | None = None,
    seed: int = 0,
    within: float | None = None,
) -> LearningSet | FieldSet:
    """The rows of a file, for whatever the task learns: labels `names`, or fields of `schema` (also
    as a file, a ready schema's name, or names). `within`: the share of the file that teaches; None:
    what is for fitting in every command."""
    from tandem.cli.requests import schema_of
    from tandem.loop.tune.fields import TASK, field_set, schema_from
    from tandem.loop.tune.learning import learning_set

    share = {} if within is None else {"within": within}
    if task != TASK:
        return learning_set(data, names, privacy, test, seed, **share)
    given = schema_of(schema) if isinstance(schema, str) else schema
    return field_set(data, schema_from(given), privacy, test, seed, **share)


def refuse_other_tasks(
    task: str, services: Services, schema: str, *, labels: bool, from_ledger: bool
) -> None:
    """Raise InvalidRequest unless `task` can be tuned with what is given."""
    from tandem.graphs.tasks import Tasks
    from tandem.loop.tune.fields import TASK
    from tandem.nodes.labels import LabelTask

    known = sorted(one.name for one in Tasks(services).values() if isinstance(one, LabelTask))
    if task == TASK and (not schema or labels or from_ledger):
        raise InvalidRequest(
            "Extraction is tuned with --data and --schema, and with neither --labels nor "
            "--from-ledger.",
            "Such as --schema receipt.",
        )
    if task in known and schema:
        raise InvalidRequest("--schema is for extraction.", "Omit it, or tune extraction.")
    if task not in (*known, TASK):
        raise InvalidRequest(
            f"Adapters are tuned for {', '.join([*known, TASK])}, and not for {task!r}.",
            "Name one of these.",
        )


def _train(
    services: Services, task: str, recipe: Recipe, name: str, given: Learnable
) -> AdapterCard:
    from tandem.loop.tune.tuning import Tuner

    say = lambda line: typer.echo(line, err=True)  # noqa: E731
    tuner = Tuner(services, task, recipe, say, tuning_progress())
    try:
        card = tuner.run(name, given)
    except KeyboardInterrupt:
        typer.echo(
            f"Stopped. The same command with --name {name} goes on from the last checkpoint.",
            err=True,
        )
        raise typer.Exit(EXIT_STOPPED) from None
    rows = "--from-ledger" if "until" in card.data else "--data FILE"
    typer.echo(
        f"\n{card.name}: {card.training['steps']} steps, {card.training['seconds'] / 60:.1f} "
        f"minutes, peak memory {card.training['peak_bytes'] / 1e9:.1f} GB, last loss "
        f"{card.training['loss']}.\nIt is not in force: `tandem adapters promote {card.name} "
        f"{rows}` compares it with what is, and puts it in force where it is better."
    )
    return card


def _name(task: str, given: Learnable) -> str:
    today = datetime.now(UTC).strftime("%Y%m%d")
    return f"{task.replace('_', '-')}-{today}-{given.card['train_sum'][:6]}"


def privacy_of(services: Services, choice: Any) -> Privacy:
    """What becomes of sensitive rows, by the detector of the settings."""
    from tandem.loop.tune.learning import Privacy
    from tandem.privacy.masking import mask

    made = Privacy(
        level=lambda text: services.assess({"text": text}).sensitivity,
        open_to=frozenset({"none", *services.settings.privacy.public_may_see}),
        mask=lambda text: mask(text, services.detector),
    )
    return replace(made, choice=choice)


def _told(given: Learnable) -> str:
    from tandem.loop.tune.learning import kept_back

    card = given.card
    if "until" in card:
        by = card["labelled_by"]
        return (
            f"{card['train']} rows to learn from ({by['people']} labelled by people, {by['llm']} "
            f"by the LLM, {by['bought']} bought from it), {card['held_out']} of people to judge by."
        )
    left = f"{card['duplicates']} repeats and {card['contradictory']} with contradicting answers"
    if "schema" in card:
        left += f", to learn from {card['unfit'] + card['not_in_text'] + card['unwritable']} more "
        left += "whose values do not fit the schema or do not stand in the text"
    return (
        f"{card['rows']} rows: {card['train']} to learn from, {card['held_out']} to judge by; "
        f"left out {left}; sensitive {card['sensitive']} ({card['sensitive_rows']})"
        f"{kept_back(card)}."
    )


def tuning_progress() -> Any:
    """Tells how far a training is."""
    shown = sys.stderr.isatty()

    def tell(progress: Any) -> None:
        line = (
            f"step {progress.step} of {progress.steps} ({progress.share:.0%}), "
            f"loss {progress.loss:.3f}, {progress.seconds / 60:.1f} min"
        )
        if shown:
            typer.echo(f"\r{line}  ", nl=False, err=True)
        elif progress.step % 50 == 0:
            typer.echo(line, err=True)

    return tell
