"""Numbers and amounts as people write them: with either decimal sign, with grouped thousands, with
a currency."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tandem.loop.audit.row import Unreadable
from tandem.quality import values

SIGNS: Final = (".", ",")
_AMOUNT: Final = re.compile(r"([^\d.,+\-\s]*)\s*([+-]?[\d.,](?:.*[\d.,])?)\s*([^\d.,+\-\s]*)")
_NUMBER: Final = re.compile(r"([+-]?)(\d[\d.,]*|[.,]\d+)(?:[eE]([+-]?\d{1,3}))?")
_BLANKS: Final = re.compile(r"(?<=\d)['\u2019 \u00a0\u202f](?=\d{3}(?!\d))")
_GROUPED: Final = {sign: re.compile(rf"[1-9]\d{{0,2}}(?:\{sign}\d{{3}})+") for sign in SIGNS}


class Amount(NamedTuple):
    """A cost and its currency; empty: nothing says which."""

    cost: float | None
    currency: str


@dataclass
class Numbers:
    """Reads the numbers of one log; knows which decimal sign most of those that leave no doubt had
    when it was shown the log's beginning. What it reads later changes nothing.

    `1.234` may be a little more than one, or a thousand: it is read by the sign of the log's other
    numbers, and where these do not tell, it is refused unless `plain`.

    Parameters
    ----------
    decimal: the sign, where it is given. plain: whether a log without any other evidence is taken
        to write a point, as programs do.
    """

    decimal: str = ""
    plain: bool = True
    seen: Counter[str] = field(default_factory=Counter)
    """Signs of numbers that leave no doubt, and how many had each."""

    def look(self, told: Iterable[Any]) -> None:
        """Take note of the decimal signs of `told`; what is no number is nothing."""
        for value in told:
            if isinstance(value, str) and (found := _AMOUNT.fullmatch(value.strip())):
                with suppress(ValueError):
                    readings = _readings(found[2])
                    self.seen.update(readings if len(readings) == 1 else ())

    def number(self, value: Any, name: str) -> float | None:
        """The number in `value`, the field `name`; None: there is none.

        Raises
        ------
        Unreadable: it is none from 0 on, or what it is hangs on a decimal sign that nothing tells.
        """
        if value is None or value == "":
            return None
        try:
            if isinstance(value, bool):
                raise ValueError
            number = self._read(value, name) if isinstance(value, str) else float(value)
        except (TypeError, ValueError, LookupError, OverflowError):
            raise Unreadable(f"field `{name}` is no number") from None
        if not math.isfinite(number) or number < 0:
            raise Unreadable(f"field `{name}` is no number from 0 on")
        return number

    def amount(self, value: Any, currency: Any) -> Amount:
        """The amount in `value`, whose currency its own sign tells, or `currency` beside it.

        Raises
        ------
        Unreadable: it is none, or the two tell different currencies.
        """
        code = currency_code(currency)
        if not isinstance(value, str):
            return Amount(self.number(value, "cost"), code)
        found = _AMOUNT.fullmatch(value.strip())
        if found is None:
            return Amount(self.number(value.strip(), "cost"), code)
        front, number, back = found.groups()
        if front and back:
            raise Unreadable("field `cost` is no number")
        own = _currencies(front or back, "cost")
        if own and code and code not in own:
            raise Unreadable("fields `cost` and `currency` name different currencies")
        return Amount(self.number(number, "cost"), code or next(iter(own), ""))

    def _read(self, text: str, name: str) -> float:
        readings = _readings(text.strip())
        if self.decimal:
            return readings[self.decimal]
        if len(set(readings.values())) == 1:
            return next(iter(readings.values()))
        if self.seen["."] != self.seen[","]:
            return readings[max(SIGNS, key=self.seen.__getitem__)]
        if not self.seen.total() and self.plain and "," not in text:
            return readings["."]
        raise Unreadable(
            f"field `{name}` has a sign of which nothing tells whether decimals or thousands come "
            "after it (--decimal says it)"
        )


def currency_code(told: Any) -> str:
    """Three capital letters (ISO 4217); empty where nothing is told.

    Raises
    ------
    Unreadable: it is no currency.
    """
    return next(iter(_currencies(str(told or ""), "currency")), "")


def _currencies(told: str, name: str) -> tuple[str, ...]:
    """The currencies that `told` may stand for; the first is meant where nothing else is said."""
    sign = told.strip().casefold()
    if not sign:
        return ()
    shared = tuple(code for code, signs in values.CURRENCY_SIGNS.items() if sign in signs)
    code = values.currency_code(sign)
    if not shared and code is None:
        raise Unreadable(f"field `{name}` is no currency's code (USD, EUR...)")
    return shared or (str(code),)


def _readings(text: str) -> dict[str, float]:
    """What `text` says, by the decimal sign that it may be written with; nothing: no number."""
    found = _NUMBER.fullmatch(_BLANKS.sub("", text))
    if found is None:
        raise ValueError
    sign, digits, exponent = found.groups()
    made = {}
    for decimal, group in (SIGNS, SIGNS[::-1]):
        whole, _, part = digits.partition(decimal)
        if decimal in part or group in part:
            continue
        if group in whole and (exponent or not _GROUPED[group].fullmatch(whole)):
            continue
        plain = f"{sign}{whole.replace(group, '') or 0}.{part or 0}e{exponent or 0}"
        made[decimal] = float(plain)
    if not made:
        raise ValueError
    return made
