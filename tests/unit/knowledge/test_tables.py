"""Read-only SQL over files: what it gives, and what it refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.errors import KnowledgeError
from tandem.knowledge.tables import QueryError, Tables
from tandem.tools.base import ToolArgumentError, call_tool
from tandem.tools.query_table import query_table_tool

CSV = "region,month,amount\nnorth,2026-01-31,10.5\nnorth,2026-02-28,20\nsouth,2026-01-31,7\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sales.csv").write_text(CSV)
    with sqlite3.connect(tmp_path / "shop.sqlite") as shop:
        shop.execute('CREATE TABLE "order lines" (id INTEGER, price DECIMAL(8,2), note TEXT)')
        shop.execute("INSERT INTO \"order lines\" VALUES (1, 2.5, 'first'), (2, NULL, NULL)")
    shop.close()
    return tmp_path


@pytest.fixture
def tables(folder: Path) -> Iterator[Tables]:
    opened = Tables(
        {"sales": folder / "sales.csv", "shop": folder / "shop.sqlite"}, seconds=0.5, max_rows=2
    )
    yield opened
    opened.close()


def test_the_schema_names_tables_columns_and_types(tables: Tables) -> None:
    assert tables.schema().splitlines() == [
        "sales(region VARCHAR, month DATE, amount DOUBLE)",
        '"shop_order lines"(id BIGINT, price DOUBLE, note VARCHAR)',
    ]


def test_rows_are_plain_and_bounded(tables: Tables) -> None:
    found = tables.query("SELECT region, month, amount FROM sales ORDER BY amount DESC")
    assert found.columns == ["region", "month", "amount"]
    assert found.rows == [["north", "2026-02-28", 20.0], ["north", "2026-01-31", 10.5]]
    assert found.truncated
    assert tables.query('SELECT note, price FROM "shop_order lines"').rows == [
        ["first", 2.5],
        [None, None],
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE sales",
        "INSERT INTO sales VALUES ('x', NULL, 1)",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "no sql at all",
        "ATTACH 'other.db'",
        "COPY sales TO 'out.csv'",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "EXPORT DATABASE 'out'",
        "CREATE TEMP TABLE t AS SELECT 1",
    ],
)
def test_all_but_one_select_is_refused(tables: Tables, sql: str) -> None:
    with pytest.raises(QueryError):
        tables.query(sql)
    assert tables.query("SELECT count(*) FROM sales").rows == [[3]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM read_text('{folder}/secret.csv')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sqlite_scan('{folder}/shop.sqlite', 'order lines')",
    ],
)
def test_no_query_reaches_another_file(tables: Tables, folder: Path, sql: str) -> None:
    (folder / "secret.csv").write_text("planted\n")
    with pytest.raises(QueryError) as caught:
        tables.query(sql.format(folder=folder))
    assert "planted" not in str(caught.value)


def test_a_query_that_takes_too_long_is_stopped(tables: Tables) -> None:
    with pytest.raises(QueryError, match=r"longer than 0\.5 s"):
        tables.query(
            "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range > b.range"
        )


def test_a_wrong_column_is_told_with_the_columns_there_are(tables: Tables) -> None:
    with pytest.raises(QueryError, match="BinderException") as caught:
        tables.query("SELECT price FROM sales")
    assert "amount DOUBLE" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("x.csv", None, "is no file"),
        ("x.parquet", b"no parquet", "cannot be read"),
        ("x.sqlite", b"no database at all" * 100, "cannot be read"),
        ("x.xlsx", b"", "is none of"),
        ("x.csv", b"1" * 101, "over the 100 allowed"),
    ],
)
def test_files_of_no_use_are_told(
    tmp_path: Path, name: str, content: bytes | None, error: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    limit = 100 if content == b"1" * 101 else 10_000
    with pytest.raises(KnowledgeError, match=error):
        Tables({"x": tmp_path / name}, max_bytes=limit)


def test_a_name_that_sql_cannot_write_is_refused(folder: Path) -> None:
    with pytest.raises(KnowledgeError, match="table's name"):
        Tables({"a b": folder / "sales.csv"})


def test_the_tool_gives_a_cell_or_rows_and_tells_what_is_wrong(tables: Tables) -> None:
    tool = query_table_tool(tables)
    assert "sales(region" in tool.description

    def call(sql: str) -> object:
        return call_tool(tool, {"sql": sql}, seconds=5, chars=1000)

    assert call("SELECT sum(amount) AS whole FROM sales") == {"value": 37.5, "column": "whole"}
    assert call("SELECT region FROM sales WHERE region = 'south'") == {
        "value": "south",
        "column": "region",
    }
    assert call("SELECT region, amount FROM sales WHERE amount < 8") == {
        "rows": [{"region": "south", "amount": 7.0}],
        "truncated": False,
    }
    with pytest.raises(ToolArgumentError, match="not one SELECT"):
        call("DELETE FROM sales")
