"""One worker at a time at a run: a lock that the operating system, or the database server, lets go
of when its holder dies, however it dies."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from sqlalchemy import text

from tandem.errors import LedgerError, RunBusy
from tandem.ledger import connection as database
from tandem.ledger.store import Ledger

PATIENCE_S: Final = 0.3
_TRY: Final = text("SELECT pg_try_advisory_lock(:key)")
_FREE: Final = text("SELECT pg_advisory_unlock(:key)")


@contextmanager
def hold(ledger: Ledger, thread_id: str, seconds: float | None = None) -> Iterator[None]:
    """Be the only one who works at the runs of a thread.

    Parameters
    ----------
    seconds: how long to wait for another; by default PATIENCE_S, as who only looks at a run holds
        it for a moment too.

    Raises
    ------
    RunBusy: another worker, of this process or another, is at it.
    LedgerError: the lock cannot be taken.
    """
    seconds = PATIENCE_S if seconds is None else seconds
    key = hashlib.sha256(thread_id.encode()).hexdigest()[:16]
    url = database.parsed(ledger.url)
    if url.get_backend_name() == "postgresql":
        with _advisory(ledger, int(key, 16) - 2**63, seconds):
            yield
    else:
        file = database.sqlite_file(url)
        # A ledger in memory is this process's alone: any place will do for its locks.
        folder = file.parent / "locks" if file else Path(tempfile.gettempdir()) / "tandem-locks"
        with _file(folder / f"{key}.lock", seconds):
            yield


@contextmanager
def _file(path: Path, seconds: float) -> Iterator[None]:
    lock = FileLock(path, timeout=seconds, thread_local=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise _busy() from None
    except OSError as error:
        raise LedgerError(
            f"The lock {path} cannot be taken: {error.strerror}.", "Make its folder writable."
        ) from None
    try:
        yield
    finally:
        # While it is held: whoever waits for it sees that its file is gone.
        path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _advisory(ledger: Ledger, key: int, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    with ledger.reading() as connection:
        while not connection.execute(_TRY, {"key": key}).scalar():
            connection.rollback()
            if time.monotonic() >= until:
                raise _busy()
            time.sleep(0.05)
        # The lock is the session's, not the transaction's, which must not stay open for so long.
        connection.commit()
        try:
            yield
        finally:
            connection.execute(_FREE, {"key": key})
            connection.commit()


def _busy() -> RunBusy:
    return RunBusy(
        "Another worker is at this run; nothing was done here.",
        "Wait until it is done; `tandem runs show` tells how far it is.",
    )
