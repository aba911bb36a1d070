"""`query_table`: one read-only SQL query over the tables that the settings name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tandem.errors import InvalidRequest
from tandem.tools.base import Tool, ToolArgumentError, parameters


class Result(Protocol):
    """What a query gave (tandem.knowledge.tables.Rows)."""

    @property
    def columns(self) -> list[str]:
        """Their names."""
        ...

    @property
    def rows(self) -> list[list[Any]]:
        """A list a row, JSON-plain."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether there were more rows."""
        ...


class Database(Protocol):
    """Tables, as far as the tool needs them (tandem.knowledge.tables.Tables, with limits)."""

    def schema(self) -> str:
        """The tables with their columns, one a line."""
        ...

    def query(self, sql: str) -> Result:
        """The result of one SELECT. Raises InvalidRequest where it cannot be run."""
        ...


def query_table_tool(database: Database) -> Tool:
    """The tool `query_table(sql)`.

    Its result is `{"value", "column"}` where the query gives one cell, else `{"rows": [{column:
    value}], "truncated"}`.
    """

    def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            found = database.query(arguments["sql"])
        except InvalidRequest as error:
            raise ToolArgumentError(f"query_table: {error.what} {error.remedy}") from None
        if len(found.rows) == 1 and len(found.columns) == 1:
            return {"value": found.rows[0][0], "column": found.columns[0]}
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
        return {"rows": rows, "truncated": found.truncated}

    return Tool(
        name="query_table",
        description="runs one SQL SELECT over the tables " + database.schema().replace("\n", "; "),
        parameters=parameters({"sql": {"type": "string", "minLength": 1, "maxLength": 600}}),
        run=run,
    )
