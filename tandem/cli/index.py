"""`tandem index`: build the knowledge index, say what is in it, search it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tandem.errors import KnowledgeError
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.knowledge.build import BuildReport, Progress
    from tandem.knowledge.index import Hit

app = typer.Typer(help="The knowledge index.", no_args_is_help=True)

_EXCERPT_CHARS = 200


@app.command()
def build(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Markdown, text and PDF files; else knowledge.folder.")
    ] = None,
    tenant: Annotated[str, typer.Option(help="Build this tenant's own index.")] = "",
) -> None:
    """Bring the index up to date; only files that changed are read again."""
    from tandem.knowledge.build import build_index
    from tandem.services import Services

    settings = _of_tenant(ctx.obj, tenant)
    with _bar() as progress:
        report = build_index(
            folder or _own_folder(settings),
            settings.path(settings.knowledge.index_dir),
            Services(settings).embeddings,
            settings.limits,
            progress,
            chunk_words=settings.knowledge.chunk_words,
        )
    _tell(report)


def _of_tenant(settings: Settings, tenant: str) -> Settings:
    """`settings` whose knowledge is the tenant's."""
    if not tenant:
        return settings
    own = settings.tenants.get(tenant)
    if own is None or not own.index_dir:
        raise KnowledgeError(
            f"There is no tenant {tenant!r} with an index_dir in the settings.",
            f"Add index_dir to [tenants.{tenant}].",
        )
    theirs = {"folder": own.folder, "index_dir": own.index_dir}
    knowledge = settings.knowledge.model_copy(update=theirs)
    return settings.model_copy(update={"knowledge": knowledge})


@app.command()
def info(ctx: typer.Context) -> None:
    """What the index holds, and what it was made with."""
    from tandem.knowledge.store import load

    settings: Settings = ctx.obj
    index_dir = settings.path(settings.knowledge.index_dir)
    snapshot = load(index_dir)
    words = sum(len(page["text"].split()) for page in snapshot.pages.values())
    typer.echo(f"index       {index_dir}")
    typer.echo(f"pages       {len(snapshot.pages):,} ({words:,} words)")
    typer.echo(f"chunks      {snapshot.vectors.ntotal:,}, up to {snapshot.chunk_words} words each")
    typer.echo(f"embeddings  {snapshot.fingerprint}")


@app.command()
def search(
    ctx: typer.Context,
    question: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int | None, typer.Option("-k", help="Chunks; else knowledge.top_k.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole chunks as JSON.")] = False,
) -> None:
    """The chunks that fit a question best, with their scores."""
    from tandem.services import Services

    settings: Settings = ctx.obj
    hits = Services(settings).search(question, k or settings.knowledge.top_k)
    if as_json:
        typer.echo(json.dumps(hits, ensure_ascii=False, indent=2))
        return
    for hit in hits:
        _show(hit)
    least = settings.knowledge.min_score
    if not any(hit["cosine"] >= least for hit in hits):
        typer.echo(f"No cosine reaches {least}: the answer would be 'not in the knowledge base'.")


def _own_folder(settings: Settings) -> Path:
    if not settings.knowledge.folder:
        raise KnowledgeError(
            "No knowledge folder is set.",
            "Give one: `tandem index build FOLDER`, or set knowledge.folder.",
        )
    return settings.path(settings.knowledge.folder)


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:3], TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("embedding chunks", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(report: BuildReport) -> None:
    typer.echo(
        f"{report.pages:,} pages, {report.chunks:,} chunks; {len(report.added)} added, "
        f"{len(report.changed)} changed, {len(report.removed)} removed; "
        f"{report.embedded:,} chunks embedded in {report.seconds:.1f} s"
    )
    for reason in report.skipped.values():
        typer.echo(f"skipped: {reason}", err=True)


def _show(hit: Hit) -> None:
    chunk = hit["chunk"]
    scores = f"{hit['score']:.3f} (cosine {hit['cosine']:.3f}, BM25 {hit['lexical']:.1f})"
    excerpt = " ".join(chunk["text"].split())[:_EXCERPT_CHARS]
    typer.echo(f"{scores}  {chunk['id']}\n  {chunk['heading']}\n  {excerpt}\n")
