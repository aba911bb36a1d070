"""`tandem improve`: what was escalated and judged since the last time, learnt from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tandem.cli.calibrate import EXIT_STOPPED
from tandem.cli.tune import SENSITIVE, privacy_of
from tandem.errors import InvalidRequest, LedgerError
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.ledger.store import Ledger
    from tandem.loop.improve.adapter_trial import AdapterTrial
    from tandem.loop.improve.improve import Done
    from tandem.loop.tune.learning import LearningSet
    from tandem.models.adapters import AdapterCard, Adapters
    from tandem.services import Services

_SCRATCH_LEDGER: Final = ".tandem/calibration.sqlite"
"""What is asked here is none of the application's runs."""
EXIT_NOTHING: Final = 3
EXIT_REFUSED: Final = 5
EXIT_NO_TEXTS: Final = 6
EXIT_BUSY: Final = 7
_CODES: Final = {"changed": 0, "failed": 1, "nothing": EXIT_NOTHING, "refused": EXIT_REFUSED}


def command(
    ctx: typer.Context,
    tasks: Annotated[
        list[str] | None, typer.Argument(help="Tasks that end in a label; else all of them.")
    ] = None,
    labelled: Annotated[
        Path | None,
        typer.Option(help="Labelled rows of TASK, drawn uniformly: they judge, and give promises."),
    ] = None,
    label_budget: Annotated[
        float, typer.Option(help="What labels by the LLM may cost, in the settings' currency.")
    ] = 0.0,
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Put in force what is better.")
    ] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Tune the SLM where a head is not enough.")
    ] = False,
    minutes: Annotated[float, typer.Option(min=0, help="A tuning takes at most so long.")] = 20.0,
    threads: Annotated[int, typer.Option(min=0, help="Cores to tune on; 0: all.")] = 0,
    sensitive: Annotated[
        str, typer.Option(help="Sensitive rows: leave_out, mask or keep.")
    ] = "leave_out",
    rows: Annotated[
        int, typer.Option(min=20, help="Rows of each part that the SLM is asked at most.")
    ] = 300,
    llm_rows: Annotated[
        int, typer.Option(min=0, help="Judging rows that the LLM is asked (costs its price).")
    ] = 0,
    margin: Annotated[
        float, typer.Option(help="So much worse still counts as no worse, as a share of all rows.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Deals the rows out; keep it the same.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Learn from what the ledger holds of failures and feedback; safe to run from cron.

    Writes a report a run and changes nothing without --apply. Ends with 0 where something was
    (without --apply: would be) put in force, 3 where there was nothing to do, 5 where the
    candidates were no better, 6 where the ledger keeps no texts, 7 where another run is at work,
    1 after an error, 2 on bad input.
    """
    from tandem.loop.improve.improve import Improver, NoTexts, Wishes, outcome
    from tandem.loop.improve.state import Busy

    settings: Settings = ctx.obj
    if sensitive not in SENSITIVE:
        raise InvalidRequest(f"--sensitive is one of {', '.join(SENSITIVE)}.", "Correct it.")
    if tune:
        from tandem.loop.tune.base_model import require_extra

        require_extra()
    wishes = Wishes(
        tasks=tuple(dict.fromkeys(tasks or ())),
        labelled=labelled,
        label_budget=label_budget,
        apply=apply,
        rows=rows,
        llm_rows=llm_rows,
        margin=margin,
        seed=seed,
    )
    with _opened(settings) as (services, ledger):
        adapters = _adapters(services, minutes, threads) if tune else None
        privacy = privacy_of(services, sensitive)
        improver = Improver(services, ledger, privacy, adapters, _progress())
        try:
            done = improver.run(wishes)
        except (NoTexts, Busy) as error:
            typer.echo(f"{error}", err=True)
            raise typer.Exit(EXIT_BUSY if isinstance(error, Busy) else EXIT_NO_TEXTS) from None
    for line in _told(done, apply=apply, as_json=as_json):
        typer.echo(line)
    raise typer.Exit(_CODES[outcome(done)])


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Services, Ledger]]:
    """Services that keep answers, and the user's own ledger, which must be there."""
    from tandem.evals import services as kept
    from tandem.evals.cache import AnswerCache

    ledger = existing_ledger(settings)
    cache = AnswerCache(settings.cache_dir / kept.CACHE_NAME)
    services = kept.EvalServices(settings, cache, settings.path(_SCRATCH_LEDGER))
    try:
        yield services, ledger
    except KeyboardInterrupt:
        typer.echo("\nStopped; what is in force is as before. The same command goes on.", err=True)
        raise typer.Exit(EXIT_STOPPED) from None
    finally:
        services.close()
        cache.close()
        ledger.close()


def existing_ledger(settings: Settings) -> Ledger:
    """The ledger of the settings. Raises LedgerError where there is none yet."""
    from tandem.ledger.connection import parsed, sqlite_file
    from tandem.ledger.store import Ledger

    file = sqlite_file(parsed(settings.ledger_url))
    if file is not None and not file.is_file():
        raise LedgerError(
            f"There is no ledger {file}, so there is nothing to learn from.",
            "Name the settings file of the application (--settings), or ask something first.",
        )
    return Ledger.from_settings(settings)


def _adapters(services: Services, minutes: float, threads: int) -> AdapterTrial:
    from tandem.cli.tune import tuning_progress
    from tandem.loop.challenge import Challenge
    from tandem.loop.improve.adapter_trial import AdapterTrial
    from tandem.loop.tune.recipe import Recipe
    from tandem.loop.tune.tuning import Tuner

    recipe = Recipe(minutes=minutes, threads=threads)

    def tune(task: str, name: str, given: LearningSet) -> AdapterCard:
        say = _say if sys.stderr.isatty() else _quiet
        return Tuner(services, task, recipe, say, tuning_progress()).run(name, given)

    return AdapterTrial(services, tune, Challenge(services, _progress()), _beside)


def _beside(services: Services, adapters: Adapters) -> Services:
    """Services that hold `adapters`, and keep answers as `services` do."""
    from tandem.evals.services import EvalServices
    from tandem.loop.challenge import services_with

    if not isinstance(services, EvalServices):
        return services_with(services, adapters)
    ledger = services.settings.path(_SCRATCH_LEDGER)
    made = EvalServices(services.settings, services.cache, ledger)
    made.__dict__["adapters"] = adapters
    return made


def _told(done: Done, *, apply: bool, as_json: bool) -> Iterator[str]:
    if done.report is None:
        yield "{}" if as_json else "Nothing to do: no failure and no feedback since the last run."
        return
    if as_json:
        yield json.dumps({"folder": str(done.folder), **done.report}, indent=1, ensure_ascii=False)
        return
    for slot in done.report["slots"]:
        yield f"{slot['task']} ({len(slot['labels'])} labels): {slot['state']}: {slot['why']}."
    if not apply:
        yield "Nothing was changed; --apply puts the better in force."
    yield f"The report stands in {done.folder}."


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _quiet(line: str) -> None:
    """Cron mails whatever is printed."""


def _progress() -> Any:
    shown = sys.stderr.isatty()

    def tell(what: str, done: int, of: int) -> None:
        if shown:
            typer.echo(f"\r{what}: {done} of {of}   ", nl=done == of, err=True)

    return tell
