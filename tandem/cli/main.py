"""The `tandem` command: global options, sub-commands, and how errors are told."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Final

import typer

from tandem.cli import (
    adapters,
    ask,
    audit,
    calibrate,
    check,
    contracts,
    doctor,
    explain,
    feedback,
    improve,
    index,
    mcp,
    models,
    policy,
    replay,
    report,
    routing,
    run,
    runs,
    select,
    tune,
)
from tandem.cli import eval as eval_command
from tandem.cli.requests import masked, unexpected
from tandem.errors import InvalidRequest, TandemError
from tandem.settings import Settings, load

EXIT_ERROR = 1
EXIT_INVALID = 2
_SETTINGS: Final[ContextVar[Settings | None]] = ContextVar("settings", default=None)
"""Those of the command that runs, for its errors; None until they are read."""

app = typer.Typer(
    help="A small and a large language model in tandem: route, check, escalate, account.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("ask")(ask.command)
app.command("explain")(explain.command)
app.command("run")(run.command)
app.command("feedback")(feedback.command)
app.command("report")(report.command)
app.command("replay")(replay.command)
app.command("select")(select.command)
app.command("calibrate")(calibrate.command)
app.command("check")(check.command)
app.command("audit")(audit.command)
app.command("tune")(tune.command)
app.command("improve")(improve.command)
app.command("eval")(eval_command.command)
app.command("doctor")(doctor.command)
app.add_typer(adapters.app, name="adapters", help="Adapters: list, promote, roll back.")
app.add_typer(models.app, name="models", help="Fetch, verify and stop the embedded models.")
app.add_typer(contracts.app, name="contracts", help="Review contracts; train their head.")
app.add_typer(index.app, name="index", help="Build and search the knowledge index.")
app.add_typer(routing.app, name="routing", help="Train the head that finds a request's task.")
app.add_typer(runs.app, name="runs", help="Runs that wait for a person, or were interrupted.")
app.add_typer(policy.app, name="policy", help="Look the policy over.")
app.add_typer(mcp.app, name="mcp", help="Tools of MCP servers, and Tandem as an MCP server.")


@app.callback()
def options(
    ctx: typer.Context,
    settings: Annotated[
        Path | None, typer.Option(help="Settings file; else TANDEM_SETTINGS, else ./tandem.toml.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log messages.")] = False,
) -> None:
    """Read the settings once for every command."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, stream=sys.stderr)
    ctx.obj = load(settings)
    _SETTINGS.set(ctx.obj)
    if verbose:
        _mask_logs(ctx.obj)


def _mask_logs(settings: Settings) -> None:
    """Tracebacks and other libraries' messages may quote a request."""
    from tandem.privacy.detectors import Detector
    from tandem.privacy.masking import MaskFilter

    masking = MaskFilter(Detector.from_settings(settings.privacy))
    for handler in logging.getLogger().handlers:
        handler.addFilter(masking)


def main() -> None:
    """Entry point: errors are one or two sentences on stderr, never a traceback."""
    _SETTINGS.set(None)
    try:
        app()
    except TandemError as error:
        raise SystemExit(told(error)) from None
    except Exception as error:
        logging.getLogger(__name__).info("unexpected error", exc_info=True)
        raise SystemExit(told(unexpected(error))) from None


def told(error: TandemError) -> int:
    """Print `error` to stderr, masked; the exit code that tells its kind."""
    typer.echo(f"error: {masked(error, _SETTINGS.get())}", err=True)
    return EXIT_INVALID if isinstance(error, InvalidRequest) else EXIT_ERROR
