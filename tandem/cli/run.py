"""`tandem run`: many requests from JSON lines, resumable."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from filelock import FileLock, Timeout

from tandem.cli.live import LiveTable
from tandem.cli.requests import EXIT_BY_STATUS, masked, request_of, unexpected
from tandem.cli.rows import Output, Row, read_rows, told
from tandem.errors import AnswerRejected, InvalidRequest, TandemError
from tandem.models.cancel import Cancellation
from tandem.records import Answer, ErrorInfo
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.app import Tandem

EXIT_SOME_FAILED = 4
EXIT_STOPPED = 130
WAKE_S = 0.2
"""A Ctrl-C that comes just before a wait does not wake it: Python looks at signals between steps of
its own only, so a wait without end would sleep through it until the row is done."""
_log = logging.getLogger(__name__)


def command(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="IN.jsonl", help="One request a line.")],
    output: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="One answer a line.")],
    jobs: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 1,
    fresh: Annotated[bool, typer.Option(help="Start anew instead of going on.")] = False,
    live: Annotated[bool, typer.Option(help="Print a line a request.")] = False,
) -> None:
    """Answer the requests of IN; a second run does only what is missing or ended by an error.

    Exit code: 4 where an error ended some, else 5 where some wait for approval (`tandem runs`).

    A row is {"id", "text", and any field of Request}; `files` are paths from IN's folder on.
    """
    # Imported here: LangGraph takes a second that `tandem --help` should not.
    from tandem.app import Tandem

    settings: Settings = ctx.obj
    rows = read_rows(source)
    _refuse_own_input(source, output)
    with (
        _alone(output),
        Tandem(settings) as tandem,
        Output(output, fresh, partial(_settled, tandem)) as out,
    ):
        missing = [row for row in rows if row["id"] not in out.done]
        table = LiveTable(settings, total=len(missing), kept=len(rows) - len(missing), live=live)
        jobs = min(jobs, settings.limits.concurrency)
        answers = _answers(tandem, missing, source.parent, jobs)
        try:
            with table, closing(answers):
                for row, answer, error in answers:
                    out.write(row["id"], answer, error)
                    table.add(row, answer, error)
        except KeyboardInterrupt:
            typer.echo(
                f"Stopped: {len(out.done)} of {len(rows)} rows are done and stand in {output}. "
                "The same command goes on with the rest.",
                err=True,
            )
            raise typer.Exit(EXIT_STOPPED) from None
        table.totals(out.path)
        if out.waiting:
            typer.echo(
                f"{len(out.waiting)} rows wait for a person: `tandem runs list --open`. Once they "
                "are decided, the same command takes their answers in.",
                err=True,
            )
    if table.failed:
        raise typer.Exit(EXIT_SOME_FAILED)
    if out.waiting:
        raise typer.Exit(EXIT_BY_STATUS["waiting"])


def _settled(tandem: Tandem, row: Row) -> Row | None:
    """A row that waited, as it is now; None where its run still does."""
    standing = tandem.runs.told(row["run_id"])
    if standing["state"] in ("waiting", "working", "interrupted"):
        return None
    if (answer := standing["answer"]) is None:
        reason = f"the run ended ({standing['state']}), and its answer is kept no more"
        return {**row, "status": "failed", "reasons": [*row["reasons"], reason]}
    error = answer["error"]
    rejected = error is not None and error["code"] == AnswerRejected.code
    return {**told(answer), "error": None if rejected else error}


def _refuse_own_input(source: Path, output: Path) -> None:
    if output.exists() and output.samefile(source):
        raise InvalidRequest(
            f"{output} is the file of the requests, which the answers would overwrite.",
            "Choose another file; nothing was run.",
        )


@contextmanager
def _alone(output: Path) -> Iterator[None]:
    lock = FileLock(f"{output}.lock", timeout=0)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InvalidRequest(
            f"Another `tandem run` is writing {output}.", "Wait for it, or choose another file."
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"{output} cannot be written: {error.strerror}.", "Choose another file."
        ) from None
    try:
        yield
    finally:
        # While it is held: whoever waits for it sees that its file is gone.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


Result = tuple[Row, Answer | None, ErrorInfo | None]


def _answers(
    tandem: Tandem, rows: list[Row], folder: Path, jobs: int
) -> Generator[Result, None, None]:
    """Results as they come; at most `jobs` rows are under way, so a stop loses no more."""
    pool, waiting = ThreadPoolExecutor(jobs, "tandem-run"), iter(rows)
    cancellation = Cancellation()
    running: dict[Future[Any], Row] = {}
    try:
        while True:
            while len(running) < jobs and (row := next(waiting, None)) is not None:
                run = cancellation.context().run
                running[pool.submit(run, _answer, tandem, row, folder)] = row
            if not running:
                return
            for future in wait(running, WAKE_S, FIRST_COMPLETED).done:
                yield (running.pop(future), *future.result())
    finally:
        cancellation.cancel()
        pool.shutdown(cancel_futures=True)


def _answer(tandem: Tandem, row: Row, folder: Path) -> tuple[Answer | None, ErrorInfo | None]:
    try:
        answer = tandem.run(request_of(row, folder, tandem.services.load_file))
    except TandemError as error:
        return error.answer, masked(error, tandem.services.settings).info()
    except Exception as error:  # a fault of one row must not end the others
        _log.info("a row failed unexpectedly", exc_info=True)
        return None, unexpected(error).info()
    return answer, None
