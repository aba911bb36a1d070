"""`tandem routing`: train the head that finds a request's task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from tandem.cli.consoles import plain_console
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.routing.complexity_training import Worth
    from tandem.routing.labelled import Labelled
    from tandem.routing.training import HeldOut
    from tandem.services import Services
    from tandem.stats import Interval

app = typer.Typer(help="The routing head.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `train` a sub-command while it is the only one."""


@app.command()
def train(
    ctx: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Labelled requests: one Request with its task a line, JSON Lines."),
    ] = None,
    from_ledger: Annotated[
        bool, typer.Option("--from-ledger", help="Also runs whose task the caller declared.")
    ] = False,
    outcomes: Annotated[
        list[Path] | None,
        typer.Option(help="Labelled requests with `slm_failed`; they train the complexity alone."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the head goes.")] = Path("task_head.json"),
    origin: Annotated[
        str, typer.Option(help="For the card: where the data come from.")
    ] = "not stated",
    licence: Annotated[str, typer.Option(help="For the card: the data's licence.")] = "not stated",
    min_rows: Annotated[int, typer.Option(min=2, help="Fewest rows a task may have.")] = 20,
) -> None:
    """Train a routing head, and print how good it is on held-out rows.

    Held out are whole groups of rows (`group` in the data): phrasings of one template never stand
    on both sides. Use the head with routing.head in the settings.
    """
    from tandem.models.embeddings import fingerprint_of
    from tandem.routing.labelled import check_enough
    from tandem.routing.training import train as train_head
    from tandem.services import Services

    settings: Settings = ctx.obj
    services = Services(settings)
    rows = _rows(services, data or [], from_ledger)
    answered = _read(services, outcomes or [])
    check_enough(rows, min_rows)
    embeddings = services.embeddings
    with _bar() as bar:
        doing = bar.add_task("embedding", total=len(rows))
        trained = train_head(
            rows,
            embeddings.embed_query,
            fingerprint_of(embeddings),
            {"data": origin, "licence": licence},
            progress=lambda done: bar.update(doing, completed=done),
            outcomes=answered,
        )
    _write(out, trained.head.to_json())
    _tell(trained.held_out)
    _tell_worth(trained.worth)
    typer.echo(f"Written to {out}. Use it: [routing] head = {str(out)!r} in tandem.toml.")


def _rows(services: Services, files: list[Path], from_ledger: bool) -> list[Labelled]:
    from tandem.graphs.tasks import Tasks
    from tandem.routing.labelled import ledger_rows

    if not files and not from_ledger:
        raise InvalidRequest("There is nothing to train on.", "Give --data, or --from-ledger.")
    rows = _read(services, files)
    if from_ledger:
        found = ledger_rows(services.ledger, list(Tasks(services)))
        typer.echo(
            f"ledger: {len(found.rows):,} of {found.runs:,} finished runs have a declared task and "
            f'a text that was kept (ledger.texts = "{services.settings.ledger.texts}").',
            err=True,
        )
        rows += found.rows
    return rows


def _read(services: Services, files: list[Path]) -> list[Labelled]:
    from tandem.graphs.tasks import Tasks
    from tandem.routing.labelled import read_labelled

    tasks, limits = list(Tasks(services)), services.settings.limits
    return [row for path in files for row in read_labelled(path, tasks, limits)]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be written: {error.strerror}.", "Choose another file with --out."
        ) from None


def _tell(figures: HeldOut) -> None:
    accuracy = figures.accuracy
    typer.echo(
        f"held-out accuracy {accuracy.mean:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}], "
        f"n {accuracy.n:,}; expected calibration error {figures.ece:.3f}"
    )
    table = Table("task", "right", "n", "most often taken for")
    for task, share in figures.by_task.items():
        wrong = {said: n for said, n in figures.confusion[task].items() if said != task}
        most = sorted(wrong.items(), key=lambda pair: -pair[1])[:3]
        told = ", ".join(f"{said} {n}" for said, n in most)
        table.add_row(task, _between(share), str(share.n), told)
    plain_console().print(table)


def _tell_worth(worth: Worth | None) -> None:
    if worth is None:
        typer.echo("complexity: not trained, too few rows say whether the SLM failed (slm_failed).")
        return
    typer.echo(
        f"complexity: AUROC for a wrong answer of the SLM {_between(worth.auroc)}; the task alone "
        f"{_between(worth.by_task_alone)}, the text's length {_between(worth.by_length)}; "
        f"{worth.failed:,} of {worth.n:,} answers were wrong"
    )
    if worth.better_than_task < 0.975:
        typer.echo("  That is not surely better than knowing the task.")


def _between(share: Interval) -> str:
    return f"{share.mean:.2f} [{share.low:.2f}, {share.high:.2f}]"


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    )
