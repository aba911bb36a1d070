"""Rows out of CSV, Parquet and SQLite files, and read-only SQL over them (DuckDB).

Files are read into memory before any query comes; then the database is cut off from files and
network, and its settings are locked. So a query that a model wrote, or that a document planted,
can read these tables and nothing else.
Source: DuckDB, "Securing DuckDB" (enable_external_access, lock_configuration).
"""

from __future__ import annotations

import math
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tandem.errors import InvalidRequest, KnowledgeError

if TYPE_CHECKING:
    import duckdb

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SQLITE: Final = (".sqlite", ".sqlite3", ".db")
_READERS: Final = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet"}
_LOCKS: Final = (
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET memory_limit = '1GB'",
    "SET threads = 1",
    "SET lock_configuration = true",
)
_BATCH: Final = 10_000
_MAX_TEXT: Final = 2_000


@dataclass(frozen=True)
class Rows:
    """What a query gave: `rows` hold JSON-plain values; `truncated` where there were more."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


class QueryError(InvalidRequest):
    """A query cannot be run: it is no single SELECT, is wrong, or took too long."""

    code = "query"


class Tables:
    """Tables of files, in memory; thread-safe.

    Parameters
    ----------
    files: name in queries -> path.
    max_bytes: bound of each file's size.
    seconds, max_rows: bounds of one query.

    Raises
    ------
    KnowledgeError: a file is missing, too large, of an unknown kind, or cannot be read.
    """

    def __init__(
        self,
        files: Mapping[str, Path],
        *,
        max_bytes: int = 200_000_000,
        seconds: float = 10.0,
        max_rows: int = 100,
    ) -> None:
        import duckdb

        self._seconds: Final = seconds
        self._max_rows: Final = max_rows
        self._database: Final = duckdb.connect(":memory:")
        try:
            for name, path in files.items():
                self._load(name, path, max_bytes)
        except BaseException:
            self._database.close()
            raise
        for statement in _LOCKS:
            self._database.execute(statement)

    def schema(self) -> str:
        """The tables with their columns and types, one a line: `orders(id BIGINT, ...)`."""
        found = self._database.cursor().execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE NOT internal ORDER BY table_name, column_index"
        )
        columns: dict[str, list[str]] = {}
        for table, column, kind in found.fetchall():
            columns.setdefault(table, []).append(f"{_quoted(column)} {kind}")
        return "\n".join(f"{_quoted(table)}({', '.join(each)})" for table, each in columns.items())

    def query(self, sql: str) -> Rows:
        """The result of one SELECT.

        Raises
        ------
        QueryError: more or other than one SELECT, an error in it, or it took too long.
        """
        import duckdb

        self._check(sql)
        cursor = self._database.cursor()
        try:
            with closing(cursor), _interrupting(cursor, self._seconds):
                cursor.execute(sql)
                columns = [column[0] for column in cursor.description or ()]
                found = cursor.fetchmany(self._max_rows + 1)
        except duckdb.InterruptException:
            raise QueryError(
                f"The query took longer than {self._seconds:g} s.", "Ask for less."
            ) from None
        except duckdb.Error as error:
            raise QueryError(
                f"The query cannot be run ({type(error).__name__}).",
                f"Use the tables and columns there are:\n{self.schema()}",
            ) from None
        rows = [[_plain(value) for value in row] for row in found[: self._max_rows]]
        return Rows(columns, rows, truncated=len(found) > self._max_rows)

    def close(self) -> None:
        """Drop the tables."""
        self._database.close()

    def _check(self, sql: str) -> None:
        import duckdb

        try:
            statements = duckdb.extract_statements(sql)
        except duckdb.Error:
            raise QueryError("The query is no SQL that can be read.", "Correct it.") from None
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError("The query is not one SELECT.", "Write one SELECT and nothing else.")

    def _load(self, name: str, path: Path, max_bytes: int) -> None:
        import duckdb

        if not _NAME.fullmatch(name):
            raise KnowledgeError(
                f"{name!r} cannot be a table's name.", "Use letters, digits and underscores."
            )
        if not path.is_file():
            raise KnowledgeError(f"The table {name!r}: {path} is no file.", "Correct tables.files.")
        if (size := path.stat().st_size) > max_bytes:
            raise KnowledgeError(
                f"The table {name!r}: {path} has {size} bytes, over the {max_bytes} allowed.",
                "Take a smaller file, or raise tables.max_bytes.",
            )
        try:
            self._read(name, path)
        except (duckdb.Error, sqlite3.Error, OSError) as error:
            raise KnowledgeError(
                f"The table {name!r}: {path} cannot be read ({type(error).__name__}).",
                "Is it the kind of file that its name says?",
            ) from None

    def _read(self, name: str, path: Path) -> None:
        kind = path.suffix.lower()
        if kind in _SQLITE:
            self._read_sqlite(name, path)
        elif reader := _READERS.get(kind):
            self._database.execute(
                f"CREATE TABLE {_quoted(name)} AS SELECT * FROM {reader}(?)",  # noqa: S608
                [str(path)],
            )
        else:
            known = ", ".join((*_READERS, *_SQLITE))
            raise KnowledgeError(
                f"The table {name!r}: {path} is none of {known}.", "Correct tables.files."
            )

    def _read_sqlite(self, name: str, path: Path) -> None:
        """By Python's own module: DuckDB's reader of SQLite is an extension that it would fetch."""
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as source:
            tables = source.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            for (table,) in tables:
                self._copy(source, table, f"{name}_{table}")

    def _copy(self, source: sqlite3.Connection, table: str, target: str) -> None:
        columns = source.execute(f"PRAGMA table_info({_quoted(table)})").fetchall()
        kinds = ", ".join(f"{_quoted(column[1])} {_kind(column[2])}" for column in columns)
        self._database.execute(f"CREATE TABLE {_quoted(target)} ({kinds})")
        marks = ", ".join("?" * len(columns))
        rows = source.execute(f"SELECT * FROM {_quoted(table)}")  # noqa: S608
        while batch := rows.fetchmany(_BATCH):
            self._database.executemany(
                f"INSERT INTO {_quoted(target)} VALUES ({marks})",  # noqa: S608
                batch,
            )


@contextmanager
def _interrupting(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _quoted(name: str) -> str:
    """`name` as SQL writes it: in double quotes where it is no plain word."""
    return name if _NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _kind(declared: str) -> str:
    """DuckDB's type for a type that SQLite's file declares (its affinity rules, in short)."""
    word = declared.upper()
    if "INT" in word:
        return "BIGINT"
    if any(part in word for part in ("REAL", "FLOA", "DOUB", "NUM", "DEC")):
        return "DOUBLE"
    return "BLOB" if "BLOB" in word else "VARCHAR"


def _plain(value: Any) -> Any:
    """A value as JSON holds it: numbers, texts (cut), booleans, null; dates as ISO texts."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(each) for each in value]
    return f"{len(value)} bytes" if isinstance(value, bytes | bytearray) else str(value)
