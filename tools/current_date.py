"""`current_date`: today, or a day that lies some days from today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from tandem.tools.base import Tool, ToolArgumentError, parameters

Clock = Callable[[], date]
MAX_DAYS: Final = 40_000


def current_date(today: date, plus_days: int = 0) -> dict[str, Any]:
    """ISO date and weekday of `today`; with `plus_days`, also of the day that lies so many days
    ahead (behind, where negative).

    Raises
    ------
    ToolArgumentError: the day lies before year 1 or after year 9999.
    """
    now = {"date": today.isoformat(), "weekday": f"{today:%A}"}
    if not plus_days:
        return now
    try:
        day = today + timedelta(days=plus_days)
    except OverflowError:
        raise ToolArgumentError("current_date: plus_days is too large.") from None
    return {
        "date": day.isoformat(),
        "weekday": f"{day:%A}",
        "plus_days": plus_days,
        "today": now["date"],
    }


def current_date_tool(clock: Clock = date.today) -> Tool:
    """The tool `current_date(plus_days?)`: its result is `{"date", "weekday"}`, and with
    plus_days these of that day, beside `plus_days` and `today`."""

    def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
        return current_date(clock(), int(arguments.get("plus_days", 0)))

    return Tool(
        name="current_date",
        description="today's date and weekday, or with plus_days the date so many days from today",
        parameters=parameters(
            {}, {"plus_days": {"type": "integer", "minimum": -MAX_DAYS, "maximum": MAX_DAYS}}
        ),
        run=run,
    )
