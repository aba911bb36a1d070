"""A LangGraph checkpointer from a URL: SQLite or PostgreSQL, with errors that say what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tandem.checkpoints.sealing import serializer
from tandem.errors import CheckpointError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.serde.base import SerializerProtocol

WRITABLE: Final = "Make the file and its folder writable, free disk space, or name another file."


def checkpointer_from_url(
    url: str, *, key: bytes | None = None, connect_s: float = 10.0
) -> BaseCheckpointSaver[str]:
    """A checkpointer whose tables are made where they are missing.

    Parameters
    ----------
    url: `sqlite:////path/file.sqlite` (mode 0600) or `postgresql://user@host/database`.
    key: AES key (16, 24 or 32 bytes) with which everything but ids and times is encrypted.
    connect_s: how long the database may take to answer.

    Raises
    ------
    CheckpointError: no such URL, no driver, no server, no rights, or another kind of file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _no_url() from None
    serde = serializer(key)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(Path(parsed.database or ":memory:"), serde, connect_s)
        case "postgresql" | "postgres":
            plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
            return _postgres(plain, shown(url), serde, connect_s)
    raise _no_url()


def shown(url: str) -> str:
    """How messages name the database: the file, or the URL without its password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise _no_url() from None
    if parsed.get_backend_name() == "sqlite":
        return parsed.database or ":memory:"
    return parsed.render_as_string(hide_password=True)


def _no_url() -> CheckpointError:
    return CheckpointError(
        "The setting checkpoints.url is no URL of SQLite or PostgreSQL.",
        'Write it like "sqlite:////path/file.sqlite" or "postgresql://user@host/database".',
    )


def _sqlite(file: Path, serde: SerializerProtocol, connect_s: float) -> BaseCheckpointSaver[str]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    with errors(str(file), "opened"):
        if str(file) != ":memory:":
            file.parent.mkdir(parents=True, exist_ok=True)
            # Made before SQLite does, which gives its further files the mode of this one.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(file, timeout=connect_s, check_same_thread=False)
        saver = SqliteSaver(connection, serde=serde)
        saver.setup()
        # A crash of the machine (not of the process) may lose the last steps, which are then done
        # again; effects are claimed in the ledger, which waits for the disk.
        connection.execute("PRAGMA synchronous = NORMAL")
    return saver


def _postgres(
    url: str, where: str, serde: SerializerProtocol, connect_s: float
) -> BaseCheckpointSaver[str]:
    with errors(where, "opened"):
        import psycopg
        from psycopg.rows import dict_row
        from psycopg_pool import ConnectionPool

        from tandem.checkpoints.postgres import SealingPostgresSaver

        options: dict[str, Any] = {
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            "connect_timeout": max(1, round(connect_s)),
        }
        # Once by hand: the pool itself would try again and again, and tell only of a time-out.
        psycopg.connect(url, **options).close()
        pool: ConnectionPool[Any] = ConnectionPool(
            url,
            min_size=1,
            max_size=2,
            kwargs=options,
            timeout=connect_s,
            check=ConnectionPool.check_connection,
            open=True,
        )
        try:
            saver = SealingPostgresSaver(pool, serde=serde)
            saver.setup()
        except BaseException:
            pool.close()
            raise
    return saver


@contextmanager
def errors(where: str, done: str) -> Iterator[None]:
    """Errors of files and databases as CheckpointError: "The checkpoints ... cannot be `done`"."""
    try:
        yield
    except ImportError as error:
        raise CheckpointError(
            f"The checkpoints {where} cannot be {done}: {error.name} is not installed.",
            'Install it: pip install "tandem-lm[postgres]".',
        ) from None
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise CheckpointError(
            f"The checkpoints {where} cannot be {done}: {why}.", _remedy(str(error)) + _then(done)
        ) from None
    except Exception as error:
        if done == "read" and isinstance(error, NotImplementedError | ValueError):
            raise _unreadable(where) from None
        if not _is_psycopg(error):
            raise
        # The driver's first line names host, port and reason; what follows may quote a statement.
        why = str(error).strip().splitlines()[0] if _is_connection(error) else type(error).__name__
        raise CheckpointError(
            f"The checkpoints {where} cannot be {done}: {why.rstrip('.')}.",
            "Start the server, or correct checkpoints.url, its user, rights and password "
            f"(PGPASSWORD, ~/.pgpass).{_then(done)}",
        ) from None


def _unreadable(where: str) -> CheckpointError:
    """What the serializer cannot make out, for want of a key or with a wrong one."""
    return CheckpointError(
        f"The checkpoints {where} cannot be read: they are encrypted with another key than this "
        "process has, or are damaged. Nothing was done.",
        "Set the key that the run began with (checkpoints.key_env). Without it only `tandem runs "
        "cancel` ends the run.",
    )


def _then(done: str) -> str:
    return "" if done == "opened" else " Then `tandem runs resume` goes on from the last one."


def _remedy(text: str) -> str:
    if "not a database" in text or "malformed" in text:
        return "Move the file away to begin a new one, or name another in checkpoints.url."
    if "locked" in text:
        return "Another process holds it for too long: end that one, then try again."
    return WRITABLE


def _is_psycopg(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] in ("psycopg", "psycopg_pool")


def _is_connection(error: Exception) -> bool:
    return type(error).__name__ in ("OperationalError", "ConnectionTimeout", "PoolTimeout")
