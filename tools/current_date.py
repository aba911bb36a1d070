"""`current_date`: today, or a day that lies some days from today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from tandem.tools.base import Tool, ToolArgumentError, parameters

Clock = Callable[[], date]
MAX_DAYS: Final = 40_000


def current_date(today: date, plus_days: float = 0) -> dict[str, str]:
    """`today` plus so many days (minus, where negative): ISO date and weekday.

    Raises
    ------
    ToolArgumentError: the day lies before year 1 or after year 9999.
    """
    try:
        day = today + timedelta(days=round(plus_days))
    except OverflowError:
        raise ToolArgumentError("current_date: plus_days is too large.") from None
    return {"date": day.isoformat(), "weekday": f"{day:%A}"}


def current_date_tool(clock: Clock = date.today) -> Tool:
    """The tool `current_date(plus_days?)`: its result is `{"date", "weekday"}`."""

    def run(arguments: Mapping[str, Any]) -> dict[str, str]:
        return current_date(clock(), arguments.get("plus_days", 0))

    return Tool(
        name="current_date",
        description="today's date and weekday, or with plus_days the date so many days from today",
        parameters=parameters(
            {}, {"plus_days": {"type": "integer", "minimum": -MAX_DAYS, "maximum": MAX_DAYS}}
        ),
        run=run,
    )
