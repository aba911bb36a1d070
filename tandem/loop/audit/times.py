"""Timestamps of any log as UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

from tandem.errors import InvalidRequest

_MILLISECONDS: Final = 1e11
"""A larger number of seconds would lie after the year 5138: it counts milliseconds."""
_MICROSECONDS: Final = 1e14
Kind = Literal["named", "unnamed"]


@dataclass
class Clock:
    """Reads timestamps; knows whether those of all logs so far name their time zone.

    Parameters
    ----------
    timezone: of timestamps that name none; None: UTC, as long as no other names one.
    """

    timezone: tzinfo | None = None
    seen: Kind | None = None
    """What the timestamps so far are."""

    def read(self, value: Any, where: str) -> datetime | None:
        """The moment in UTC; None where there is none.

        Raises
        ------
        ValueError: it is no time.
        InvalidRequest: some name a time zone, others do not, and none was given for these.
        """
        if value is None or value == "":
            return None
        try:
            moment = _number(float(value))
        except (TypeError, ValueError):
            moment = datetime.fromisoformat(_iso(str(value)))
        except OverflowError:
            raise ValueError("no time") from None
        self._same("named" if moment.tzinfo else "unnamed", where)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.timezone or UTC)
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("no time") from None

    def _same(self, kind: Kind, where: str) -> None:
        if self.timezone is None and self.seen not in (None, kind):
            raise InvalidRequest(
                f"{where}: some timestamps name a time zone and others do not, so that their "
                "order is not known. Nothing was written.",
                "Say which zone the others are in: --timezone UTC, or --timezone Europe/Berlin.",
            )
        self.seen = kind

    @property
    def told(self) -> str:
        """What was assumed, in words; empty where nothing was."""
        if self.seen != "unnamed" or self.timezone is not None:
            return ""
        return "Timestamps name no time zone and are taken as UTC."


def _number(value: float) -> datetime:
    """Unix time in seconds, milliseconds or microseconds."""
    if abs(value) >= _MICROSECONDS:
        value /= 1e6
    elif abs(value) >= _MILLISECONDS:
        value /= 1e3
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        raise OverflowError from None


def _iso(text: str) -> str:
    """ "2026-11-24 10:00:00 UTC" as Python reads it."""
    text = text.strip()
    return f"{text[:-4]}+00:00" if text.upper().endswith(" UTC") else text
