"""Dates as documents write them, in seven European languages, with every reading kept.

"03/04/2019" is the third of April or the fourth of March: both readings are kept, and a check
accepts either; a conversion chooses by what the rest of the document shows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

_MONTHS: Final = (
    "january januari januar janvier enero gennaio janeiro",
    "february februari februar fevrier febrero febbraio fevereiro",
    "march maart marz maerz mars marzo marco",
    "april avril abril aprile",
    "may mei mai mayo maggio maio",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august augustus aout agosto",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember decembre diciembre dicembre dezembro",
)
_MONTH_WORD: Final = r"(?P<month>[^\W\d_]{3,12})\.?"
_DAY: Final = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.|º)?"
_YEAR: Final = r"['\u2019]?(?P<year>\d{4}|\d{2})(?!\d|\s?,\s?\d{4})"
_GAP: Final = r"[\s\-/.,]{0,3}(?:del?\s)?"
_DAY_MONTH_YEAR: Final = re.compile(
    rf"(?<!\d){_DAY}{_GAP}{_MONTH_WORD}{_GAP}{_YEAR}", re.IGNORECASE
)
_MONTH_DAY_YEAR: Final = re.compile(
    rf"(?<![^\W\d_]){_MONTH_WORD}[\s\-]{{0,2}}{_DAY}\s?,?\s?(?P<year>\d{{4}})(?!\d)", re.IGNORECASE
)
_NUMERIC: Final = re.compile(
    r"(?<!\d)(?<!\d[./-])(?P<a>\d{1,4})(?P<mark>\s?[-/.]\s?)(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d{1,2})"
    r"(?![-/.]?\d)"
)
_PACKED: Final = re.compile(r"(?<!\d)(?P<a>(?:19|20)\d\d)(?P<b>\d\d)(?P<c>\d\d)(?!\d)")


@dataclass(frozen=True)
class FoundDate:
    """A date in a text: where it stands, and its readings, the day-first one first."""

    start: int
    end: int
    readings: tuple[date, ...]


def find_dates(text: str) -> list[FoundDate]:
    """Every complete date (day, month, year) in `text`, in reading order, without overlaps."""
    found: list[FoundDate] = []
    for one in sorted(_candidates(text), key=lambda found: (found.start, -found.end)):
        if not found or one.start >= found[-1].end:
            found.append(one)
    return found


def _candidates(text: str) -> Iterator[FoundDate]:
    for pattern in (_DAY_MONTH_YEAR, _MONTH_DAY_YEAR):
        for match in pattern.finditer(text):
            month = month_number(match["month"])
            readings = _dates((int(match["year"]), month, int(match["day"]))) if month else ()
            if readings:
                yield FoundDate(match.start(), match.end(), readings)
    for pattern in (_NUMERIC, _PACKED):
        for match in pattern.finditer(text):
            if readings := _numeric_readings(match["a"], match["b"], match["c"]):
                yield FoundDate(match.start(), match.end(), readings)


def _numeric_readings(first: str, second: str, third: str) -> tuple[date, ...]:
    a, b, c = int(first), int(second), int(third)
    if len(first) == 4:
        return _dates((a, b, c))
    if len(first) == 3 or len(third) not in (2, 4):
        return ()
    readings = _dates((c, b, a), (c, a, b))
    return readings or (_dates((a, b, c)) if len(third) == 2 else ())


def _dates(*parts: tuple[int, int, int]) -> tuple[date, ...]:
    """The valid dates among (year, month, day), without repeats; two-digit years are 1970-2069."""
    dates: list[date] = []
    for year, month, day in parts:
        full = year if year >= 100 else year + (2000 if year < 70 else 1900)
        try:
            reading = date(full, month, day)
        except ValueError:
            continue
        if 1900 <= full <= 2100 and reading not in dates:
            dates.append(reading)
    return tuple(dates)


@lru_cache(maxsize=256)
def month_number(word: str) -> int | None:
    """1 to 12 for a month's name or an abbreviation of at least three letters; else None."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(char)
    )
    months = {
        number
        for number, names in enumerate(_MONTHS, start=1)
        if any(name.startswith(plain) for name in names.split())
    }
    return months.pop() if len(months) == 1 and len(plain) >= 3 else None


def is_day_first(text: str) -> bool:
    """Whether numeric dates in `text` put the day first, by those that allow one reading only.

    Without such evidence day first, which most of the world writes.
    """
    votes = 0
    for match in _NUMERIC.finditer(text):
        a, b = int(match["a"]), int(match["b"])
        votes += (12 < a <= 31 and b <= 12) - (12 < b <= 31 and a <= 12)
    return votes >= 0


def parse_date(text: str, *, day_first: bool = True) -> date | None:
    """The first date in `text` (a time after it is ignored); None where there is none."""
    found = find_dates(text)
    if not found:
        return None
    readings = found[0].readings
    return readings[0] if day_first else readings[-1]


def written_dates(text: str) -> list[str]:
    """The dates in `text` as it writes them, in reading order, without repeats."""
    found = (" ".join(text[one.start : one.end].split()) for one in find_dates(text))
    return list(dict.fromkeys(found))


def is_only_date(text: str) -> bool:
    """Whether `text` is one date and nothing else."""
    found = find_dates(text)
    rest = text[: found[0].start] + text[found[0].end :] if found else text
    return len(found) == 1 and not any(char.isalnum() for char in rest)
