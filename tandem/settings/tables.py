"""Tables that an agent may ask questions of."""

from __future__ import annotations

from pydantic import Field

from tandem.settings.base import Section


class TableSettings(Section):
    """Files of rows: CSV, Parquet and SQLite, read once a process and never written."""

    files: dict[str, str] = Field(default_factory=dict)
    """Name in queries -> file, relative to the settings file. Each table of an SQLite file is
    called NAME_TABLE."""
    max_bytes: int = Field(default=200_000_000, ge=1)
    """Larger files are refused: tables are held in memory."""
    max_rows: int = Field(default=100, ge=1, le=10_000)
    """Rows of one result."""
    seconds: float = Field(default=10.0, gt=0)
    """For one query."""
