"""Opening the ledger's database: folder, pragmas, tables, schema version; errors as LedgerError."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from tandem.errors import LedgerError
from tandem.ledger import tables

BUSY_MS: Final = 15_000
"""How long a write waits for other processes' writes."""


def parsed(url: str) -> URL:
    """`url` as SQLAlchemy reads it.

    Raises
    ------
    LedgerError: it is no database URL.
    """
    try:
        return make_url(url)
    except ArgumentError:
        raise LedgerError(
            "The setting ledger.url is no database URL.",
            'Write it like "sqlite:////path/ledger.sqlite", or leave it empty.',
        ) from None


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite URL; None where it is another database, or in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def shown(url: URL) -> str:
    """How messages name the ledger: the file, or the URL without its password."""
    file = sqlite_file(url)
    return str(file) if file else url.render_as_string(hide_password=True)


def connect(url: URL) -> Engine:
    """An engine on a ledger of this version, whose tables are made where they are missing.

    Raises
    ------
    LedgerError: it cannot be opened or written, is damaged, no database, or of another version.
    """
    with errors(url, "opened"):
        if file := sqlite_file(url):
            file.parent.mkdir(parents=True, exist_ok=True)
            _create(file)
        engine = _engine(url)
        try:
            _prepare(engine, url)
        except BaseException:
            engine.dispose()
            raise
    return engine


def _create(file: Path) -> None:
    """Make the file before SQLite does, which gives its further files the mode of this one. One
    that is there keeps its mode: its owner may have chosen it."""
    if not file.exists() and not str(file).startswith("file:"):
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))


@contextmanager
def errors(url: URL, done: str, but: type[SQLAlchemyError] | tuple[()] = ()) -> Iterator[None]:
    """Errors of the database, `but` one, as LedgerError: "The ledger ... cannot be `done`"."""
    try:
        yield
    except but:
        raise
    # A driver that is not installed is an ImportError; pragmas raise sqlite3's own errors.
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        cause = getattr(error, "orig", None) or error
        raise LedgerError(
            f"The ledger {shown(url)} cannot be {done}: {_told(cause)}.", _remedy(cause)
        ) from None


def _told(cause: BaseException) -> str:
    """The database's own words, unless they may quote a value."""
    if isinstance(cause, OSError):
        return cause.strerror or type(cause).__name__
    if isinstance(cause, sqlite3.Error | NoSuchModuleError | ImportError):
        return str(cause)
    return type(cause).__name__


def _remedy(cause: BaseException) -> str:
    text = str(cause).lower()
    if isinstance(cause, NoSuchModuleError | ImportError):
        return "Install the database's driver, or correct ledger.url."
    if "not a database" in text or "malformed" in text:
        return "Move the file away to begin a new ledger, or name another in ledger.url."
    if "locked" in text or "busy" in text:
        return "Another process holds it for too long: end that one, then try again."
    return "Make the folder and the file writable, free disk space, or name another in ledger.url."


def _engine(url: URL) -> Engine:
    # hide_parameters: an error's message must not hold what was being written.
    options: dict[str, Any] = {"hide_parameters": True}
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
        if sqlite_file(url) is None:
            # All threads share the one connection that holds the database.
            from sqlalchemy.pool import QueuePool

            options |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
    else:
        options["pool_pre_ping"] = True
    engine = create_engine(url, **options)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    _forget_in_child(engine)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    # WAL: readers and one writer at a time, of any process. NORMAL: a crash of the machine (not of
    # the process) may lose the last transactions, but never damages the file.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _forget_in_child(engine: Engine) -> None:
    """After a fork the child opens connections of its own: SQLite's must not be shared."""
    kept = weakref.ref(engine)

    def forget() -> None:
        if (alive := kept()) is not None:
            alive.dispose(close=False)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)


def _prepare(engine: Engine, url: URL) -> None:
    version = None
    if inspect(engine).has_table(tables.schema.name):
        with engine.connect() as connection:
            version = _version(connection)
    if version is None or tables.OLDEST_VERSION <= version < tables.SCHEMA_VERSION:
        # New, or older by tables that can be added, or another process is making it just now.
        version = _created(engine)
    if version != tables.SCHEMA_VERSION:
        age = "an older" if (version or 0) < tables.SCHEMA_VERSION else "a newer"
        raise LedgerError(
            f"The ledger {shown(url)} was written by {age} version of Tandem "
            f"(its schema is {version}, this version's {tables.SCHEMA_VERSION}).",
            "Use that version to read it, and name another file in ledger.url for this one.",
        )


def _created(engine: Engine) -> int | None:
    """Make what is missing and return the version; harmless where several processes do it."""
    with engine.begin() as connection:
        for table in tables.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))
    try:
        with engine.begin() as connection:
            row = {"id": 1, "version": tables.SCHEMA_VERSION}
            connection.execute(insert(tables.schema).values(row))
    except IntegrityError:
        _raise_version(engine)
    with engine.connect() as connection:
        return _version(connection)


def _raise_version(engine: Engine) -> None:
    version = tables.schema.c.version
    known = version.between(tables.OLDEST_VERSION, tables.SCHEMA_VERSION)
    with engine.begin() as connection:
        connection.execute(update(tables.schema).where(known).values(version=tables.SCHEMA_VERSION))


def _version(connection: Connection) -> int | None:
    return connection.execute(select(tables.schema.c.version)).scalar()
