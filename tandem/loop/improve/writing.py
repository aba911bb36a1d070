"""The report of a run into a folder of its own: report.md and report.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from tandem.errors import TandemError
from tandem.loop.improve.markdown import markdown
from tandem.loop.improve.report import Report
from tandem.models.files import write_atomically


def prepare(folder: Path) -> Path:
    """A new folder in `folder` for a run that begins now, before the work and not after it.

    Raises
    ------
    TandemError: it cannot be written.
    """
    own = folder / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    try:
        own.mkdir(parents=True)
    except OSError as error:
        raise _not_written(own, error) from None
    return own


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Take `folder` away again where the work in it broke off before there was a report."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def write(report: Report, folder: Path) -> None:
    """Write the report, in place of an earlier state of it.

    Raises
    ------
    TandemError: a file cannot be written; the one before is whole.
    """
    files = {
        "report.json": json.dumps(report, indent=1, ensure_ascii=False),
        "report.md": markdown(report),
    }
    for name, text in files.items():
        try:
            write_atomically(folder / name, text)
        except OSError as error:
            raise _not_written(folder / name, error) from None


def _not_written(path: Path, error: OSError) -> TandemError:
    return TandemError(
        f"The report {path} could not be written: {error.strerror or error}. The rows count as "
        "not used.",
        "Make room and start again: the same rows are taken, and kept answers cost nothing.",
    )
