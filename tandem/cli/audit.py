"""`tandem audit`: what a log of LLM calls holds, and what an SLM could take over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.table import Table

from tandem.cli.consoles import plain_console
from tandem.errors import InvalidRequest
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.loop.audit.counts import Counts
    from tandem.loop.audit.options import Options
    from tandem.loop.audit.report import Audit
    from tandem.loop.audit.row import LogRow
    from tandem.services import Services

_SHOWN: Final = 15


def command(
    ctx: typer.Context,
    logs: Annotated[
        list[Path] | None, typer.Argument(help="CSV or JSON, plain or .gz; several are one log.")
    ] = None,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="Tandem's own ledger, alone or beside LOGS.")
    ] = False,
    log_format: Annotated[
        str,
        typer.Option(
            "--format", help="csv, jsonl, openai, langsmith, langfuse, litellm; else sniffed."
        ),
    ] = "",
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="Our field=the log's, by commas: text=prompt,cost=usd,when=sent.at"
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Of timestamps that name none, such as UTC or Europe/Berlin.")
    ] = "",
    decimal: Annotated[
        str, typer.Option(help="Sign before decimals, . or , where the log does not tell.")
    ] = "",
    currency: Annotated[
        str, typer.Option(help="Of the report's sums; else the settings'. Nothing is converted.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("audit"),
    min_rows: Annotated[
        int, typer.Option(min=2, help="Smallest workload; smaller ones are `other`.")
    ] = 20,
    sample: Annotated[
        int, typer.Option(min=20, help="Rows looked at of those without a system prompt.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Draws the samples.")] = 20_261_124,
) -> None:
    """Tell the workloads of a log: volume, spend, sensitivity, latency, and where each should go.

    Reads any number of rows in bounded memory and asks no model but the local embedding model. The
    report holds no text of the log but single words that many rows share.
    """
    from tandem.loop.audit.writing import prepare, write

    settings: Settings = ctx.obj
    if not logs and not ledger:
        raise InvalidRequest("No log is named.", "Give a file, or --ledger.")
    options = _options(settings, columns or [], timezone, decimal, currency, min_rows, sample, seed)
    prepare(out)
    audit = _audited(settings, logs or [], ledger, log_format, options)
    try:
        written = write(audit, out)  # first: a reader of the output may be gone after a line
    finally:
        _tell(audit, plain_console())
    for path in written:
        typer.echo(f"wrote {path}")


def _options(
    settings: Settings,
    columns: list[str],
    timezone: str,
    decimal: str,
    currency: str,
    min_rows: int,
    sample: int,
    seed: int,
) -> Options:
    from tandem.loop.audit.currencies import CODES
    from tandem.loop.audit.numbers import SIGNS, currency_code
    from tandem.loop.audit.options import Options
    from tandem.loop.audit.row import Unreadable

    if decimal and decimal not in SIGNS:
        raise InvalidRequest(
            "The sign before decimals is a point or a comma.", "Such as --decimal ,"
        )

    try:
        code = currency_code(currency or settings.currency)
        zone = ZoneInfo(timezone) if timezone else None
    except Unreadable:
        raise InvalidRequest(
            "The currency is no three-letter code.", "Such as --currency USD."
        ) from None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequest(
            "The time zone is not known here.", "Such as UTC or Europe/Berlin."
        ) from None
    if currency and code not in CODES:
        raise InvalidRequest(
            f"{code} is no currency (ISO 4217). Nothing was read.", "Such as --currency USD."
        )
    return Options(
        currency=code,
        timezone=zone,
        decimal=decimal,
        columns=_columns(columns),
        min_rows=min_rows,
        rest_sample=max(sample, min_rows),
        seed=seed,
    )


def _columns(told: list[str]) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in ",".join(told).split(",") if pair.strip()]
    if not all(name.strip() and column.strip() for name, _, column in pairs):
        raise InvalidRequest(
            "--map wants pairs of our field and the log's.", "Such as --map text=prompt,cost=usd."
        )
    return {name.strip(): column.strip() for name, _, column in pairs}


def _audited(
    settings: Settings, paths: list[Path], ledger: bool, chosen: str, options: Options
) -> Audit:
    from tandem.graphs.tasks import Tasks
    from tandem.loop.audit.audit import Auditor
    from tandem.loop.audit.reading import FORMATS, Logs
    from tandem.services import Services

    named = next((each for each in FORMATS if each == chosen), None)
    if chosen and named is None:
        raise InvalidRequest(f"There is no format {chosen!r}.", f"Formats: {', '.join(FORMATS)}.")
    logs = Logs(paths, options, named)
    services = Services(settings)
    try:
        own = _ledger_rows(services, logs.counts) if ledger else iter(())
        auditor = Auditor(
            services, Tasks(services), options, _progress(), ledger or has_ledger(settings)
        )
        looked = auditor.look(chain(logs.rows(), own))
        return auditor.judge(looked, logs.counts, logs.clock.told)
    finally:
        services.close()


def _ledger_rows(services: Services, counts: list[Counts]) -> Iterator[LogRow]:
    from tandem.loop.audit.counts import Counts
    from tandem.loop.audit.ledger_rows import ledger_rows

    read = Counts(services.ledger.where)
    counts.append(read)
    yield from ledger_rows(services.ledger, read)
    if not read.rows:
        raise InvalidRequest(
            f"No finished run stands in {read.name}.", "`tandem run` writes some; name a log."
        )


def has_ledger(settings: Settings) -> bool:
    """Whether there is a ledger to ask: an audit makes none."""
    kind, _, file = settings.ledger_url.partition(":///")
    return not kind.startswith("sqlite") or Path(file).is_file()


def _tell(audit: Audit, console: Console) -> None:
    from tandem.loop.audit.markdown import count, money, percent, seconds

    totals, currency = audit["totals"], audit["currency"]
    console.print(
        f"{totals['rows']:,} calls, {money(totals['spend'])} {currency} "
        f"({totals['priced']:,} of them with a price)"
    )
    table = Table("workload", "goes to", box=None, pad_edge=False)
    for name in ("rows", "spend", "sensitive", "p95", "saving"):
        table.add_column(name, justify="right")
    for line in audit["workloads"][:_SHOWN]:
        saving = line["saving"]
        table.add_row(
            line["name"],
            line["destination"],
            count(line["rows"]),
            money(line["spend"]["value"]) if line["spend"] else "-",
            percent(line["sensitive"]),
            seconds(line["p95"]),
            f"{money(saving['low'])} to {money(saving['high'])}" if saving else "-",
        )
    console.print(table)
    if audit["no_saving"]:
        console.print(audit["no_saving"], soft_wrap=True)
    if (more := len(audit["workloads"]) - _SHOWN) > 0:
        console.print(f"and {more} more in the report")
    for log in audit["logs"]:
        if left := sum(each["count"] for each in log["skipped"]):
            console.print(f"{log['name']}: {left:,} rows could not be read; the report says why")


def _progress() -> Callable[[str, int, int], None]:
    shown = sys.stderr.isatty()

    def tell(what: str, done: int, of: int) -> None:
        if shown:
            whole = f" of {of:,}" if of else ""
            end = "\n" if done == of else ""
            typer.echo(f"\r{what}: {done:,}{whole}   {end}", nl=False, err=True)

    return tell
