"""`tandem contracts`: review a contract by a checklist, and train the head on labelled ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tandem.cli.output_files import refuse_unwritable
from tandem.cli.requests import EXIT_BY_STATUS
from tandem.errors import InvalidRequest, SettingsError, TandemError
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.nodes.contract.labelled import Rows
    from tandem.nodes.contract.training import Figures
    from tandem.records import Answer

app = typer.Typer(no_args_is_help=True)


@app.command()
def review(
    ctx: typer.Context,
    contract: Annotated[Path, typer.Argument(help="The contract: PDF, Markdown or text.")],
    checklist: Annotated[
        Path | None, typer.Option(help="JSON file of hypotheses in place of the settings' one.")
    ] = None,
    ask: Annotated[str, typer.Option(help="Questions about it, checked like the checklist.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="Write the report (Markdown) here, not to stdout.")
    ] = None,
    sensitivity: Annotated[str, typer.Option(help="Raise the sensitivity.")] = "",
    private_only: Annotated[bool, typer.Option(help="No public model may see it.")] = False,
    anyway: Annotated[
        bool, typer.Option(help="Review it even where it does not read like a contract.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON.")] = False,
) -> None:
    """Review a contract: verdicts with their quotations, clause types, values, and what was read.

    Exit code: 0 everything was decided, 3 something needs a person's look, 4 failed, 2 invalid.
    """
    import json

    from tandem.app import Tandem
    from tandem.cli.ask import summary
    from tandem.nodes.state import Context

    settings = _with_checklist(ctx.obj, checklist)
    if anyway:
        settings = _with(settings, contracts_only=False)
    if report is not None:
        _refuse_report(report, contract)
    fields: dict[str, Any] = {"sensitivity": sensitivity} if sensitivity else {}
    with Tandem(settings) as tandem:
        answer = tandem.run(
            ask,
            task="contract_review",
            files=[contract],
            context=Context(private_only=private_only),
            **fields,
        )
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    _show(answer, report, silent=as_json)
    if not as_json:
        typer.echo(summary(answer, settings.currency), err=True)
    raise typer.Exit(EXIT_BY_STATUS[answer["status"]])


@app.command()
def train(
    ctx: typer.Context,
    data: Annotated[
        list[Path],
        typer.Option(help="Labelled contracts and clauses, JSON Lines; see docs/contracts.md."),
    ],
    out: Annotated[Path, typer.Option(help="Where the head goes.")] = Path("contract_head.json"),
    checklist: Annotated[
        Path | None, typer.Option(help="The hypotheses that the rows' ids mean.")
    ] = None,
    origin: Annotated[str, typer.Option(help="For the card: where the data come from.")] = (
        "not stated"
    ),
    licence: Annotated[str, typer.Option(help="For the card: the data's licence.")] = "not stated",
) -> None:
    """Train a head on your own labelled contracts or clauses, and print how good it is.

    Figures come from contracts that were held out. What has no rows (verdicts, or types) is taken
    from the head that ships. The file holds words that stand in two contracts or more.
    """
    from tandem.nodes.contract.training import train as train_head

    refuse_unwritable(out, "--out")
    rows = _rows(_with_checklist(ctx.obj, checklist), data)
    trained = train_head(rows.contracts, rows.clauses, {"data": origin, "licence": licence})
    text = trained.head.to_json()
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(
            f"{out} cannot be written: {error.strerror}.", "Choose another file with --out."
        ) from None
    _tell("verdicts", trained.verdicts)
    _tell("clause types", trained.types)
    typer.echo(
        f"Written to {out} ({len(text) // 1000:,} KB). Use it: [contracts] head = {str(out)!r}."
    )


def _with_checklist(settings: Settings, checklist: Path | None) -> Settings:
    """Raises InvalidRequest where the file is no checklist."""
    from tandem.nodes.contract.checklist import load_checklist

    if checklist is None:
        return settings
    try:
        load_checklist(checklist)
    except SettingsError as error:
        raise InvalidRequest(f"{error.what} Nothing was run.", error.remedy) from None
    return _with(settings, checklist=str(checklist.absolute()))


def _with(settings: Settings, **own: Any) -> Settings:
    contracts = settings.contracts.model_copy(update=own)
    return settings.model_copy(update={"contracts": contracts})


def _refuse_report(report: Path, contract: Path) -> None:
    refuse_unwritable(report, "--report")
    if report.exists() and contract.exists() and report.samefile(contract):
        raise InvalidRequest(
            "--report names the contract itself, which would be overwritten. Nothing was run.",
            "Choose another file with --report.",
        )


def _rows(settings: Settings, files: list[Path]) -> Rows:
    from tandem.graphs.contract import contract_review
    from tandem.nodes.contract.labelled import Rows, read_rows
    from tandem.services import Services

    known = contract_review(Services(settings)).reader.own_checklist
    wordings = {item["id"]: item["hypothesis"] for item in known}
    rows = Rows([], [])
    for path in files:
        more = read_rows(path, wordings.get)
        rows.contracts.extend(more.contracts)
        rows.clauses.extend(more.clauses)
    if not rows.contracts and not rows.clauses:
        raise InvalidRequest(
            "There are no labelled contracts or clauses. Nothing was trained.",
            "docs/contracts.md shows what a row looks like.",
        )
    return rows


def _show(answer: Answer, report: Path | None, *, silent: bool) -> None:
    """The report, to its file or to stdout.

    Parameters
    ----------
    silent: the answer was printed as JSON, so that only a file is written.
    """
    output = answer["output"] or answer["draft"]
    if output is None:
        return
    if answer["output"] is None:
        typer.echo(f"[{answer['status']}: this draft was not accepted]", err=True)
    if report is None:
        if not silent:
            typer.echo(output["text"], err=answer["output"] is None)
        return
    try:
        report.write_text(output["text"], encoding="utf-8")
    except OSError as error:
        if not silent:
            typer.echo(output["text"])
        raise TandemError(
            f"{report} cannot be written: {error.strerror}. The review is not lost: it stands on "
            "standard output.",
            "Keep it from there, or choose another file with --report.",
        ) from None
    typer.echo(f"Written to {report}.", err=True)


def _tell(part: str, figures: Figures | None) -> None:
    if figures is None:
        typer.echo(f"{part}: no rows; the part that ships is used.")
        return
    evidence = ""
    if figures.evidence_first is not None:
        evidence = f"; labelled evidence is the likeliest sentence in {figures.evidence_first:.2f}"
    typer.echo(
        f"{part}: {figures.right:.2f} right, macro-F1 {figures.macro_f1:.2f} on {figures.rows:,} "
        f"held-out rows; {figures.sure_share:.2f} of them at a probability of 0.8 or more, "
        f"{figures.sure_right:.2f} of those right{evidence}."
    )
