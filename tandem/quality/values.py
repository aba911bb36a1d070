"""Values as documents write them: numbers, currencies and strings, brought to a common form.

A written number may have more than one reading ("1.234" is 1234 in Berlin and 1.234 in London).
Readings are kept as a set: a check accepts any of them, a conversion chooses one.
Dates are in tandem/quality/dates.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

DecimalMark = Literal[".", ","]

CURRENCY_SIGNS: Final[dict[str, tuple[str, ...]]] = {
    "EUR": ("€", "euro", "euros"),
    "USD": ("$", "us$", "dollar", "dollars"),
    "GBP": ("£", "pound", "pounds"),
    "INR": ("₹", "rs", "rupees"),
    "MYR": ("rm", "ringgit"),
    "JPY": ("¥", "円", "yen"),
    "CNY": ("¥", "元", "rmb", "yuan"),
    "CHF": ("sfr", "francs"),
    "PLN": ("zł", "zl"),
    "SEK": ("kr",),
    "NOK": ("kr",),
    "DKK": ("kr",),
    "AUD": ("a$", "$"),
    "CAD": ("c$", "ca$", "$"),
    "SGD": ("s$", "$"),
    "NZD": ("nz$", "$"),
    "HKD": ("hk$", "$"),
    "BRL": ("r$",),
    "KRW": ("₩", "won"),
    "TRY": ("₺", "tl"),
    "ILS": ("₪",),
    "THB": ("฿", "baht"),
    "ZAR": ("rand",),
}
"""Signs and words that stand for an ISO 4217 code, casefolded; where several codes share a sign,
the first listed is its plain reading."""

_CODES: Final[dict[str, str]] = {
    sign: code
    for code, signs in reversed(CURRENCY_SIGNS.items())
    for sign in (code.casefold(), *signs)
}
_ANY_SIGN: Final = "|".join(re.escape(sign) for sign in sorted(_CODES, key=len, reverse=True))
_BESIDE_NUMBER: Final = re.compile(
    rf"(?<![^\W\d_])({_ANY_SIGN})(?:\.?\s?[-\u2212]?\d|\))|\d\s?({_ANY_SIGN})(?![^\W\d_])"
)

_SCALES: Final = {
    "thousand": 1_000,
    "million": 1_000_000,
    "millions": 1_000_000,
    "mio": 1_000_000,
    "mn": 1_000_000,
    "billion": 1_000_000_000,
    "bn": 1_000_000_000,
}
_SPACES: Final = " \u00a0\u2007\u2009\u202f"
_AFTER: Final = r"(?P<after>\s?%|\s(?:" + "|".join(_SCALES) + r")\b)?"
_PLAIN: Final = re.compile(
    r"(?P<digits>(?<![\w.,])[.,]\d+|\d+(?:[.,'\u2019]\d+)*)" + _AFTER, re.IGNORECASE
)
_SPACED: Final = re.compile(
    rf"(?<![\d.,])(?P<digits>\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:[.,]\d+)?)(?![\d])" + _AFTER,
    re.IGNORECASE,
)
_MINUS: Final = re.compile(r"[-\u2212\u2013]\s?\D{0,3}$|\(\s?\D{0,3}$")
_NUMBER_NOISE: Final = re.compile(r"[^\W\d_]{1,7}\.?|[\s$€£₹¥₩₺₪฿+\-\u2212\u2013()%:*]")
_GROUP_JOINTS: Final = re.compile(rf"[{_SPACES}'\u2019]")


@dataclass(frozen=True)
class FoundNumber:
    """A number in a text: where it stands, its readings (without sign), whether `%` follows."""

    start: int
    end: int
    readings: frozenset[Decimal]
    percent: bool


def find_numbers(text: str) -> list[FoundNumber]:
    """Every number in `text` in reading order. "2 100.00" counts as 2, as 100.00 and as 2100.00."""
    found = [*_found(_PLAIN, text), *_found(_SPACED, text)]
    return sorted(found, key=lambda number: (number.start, number.end))


def _found(pattern: re.Pattern[str], text: str) -> Iterator[FoundNumber]:
    for match in pattern.finditer(text):
        readings = number_readings(match["digits"])
        if not readings:
            yield from _pieces(match["digits"], match.start("digits"))
            continue
        after = (match["after"] or "").strip().casefold()
        if after in _SCALES:
            readings |= {reading * _SCALES[after] for reading in readings}
        yield FoundNumber(match.start("digits"), match.end("digits"), readings, after == "%")


def _pieces(digits: str, start: int) -> Iterator[FoundNumber]:
    """The parts of digits that are no well-formed number ("25.12.2018"), each on its own."""
    for piece in re.finditer(r"\d+", digits):
        at = start + piece.start()
        yield FoundNumber(at, at + len(piece[0]), frozenset({Decimal(piece[0])}), percent=False)


def number_readings(digits: str) -> frozenset[Decimal]:
    """All readings of one written number without sign or currency ("1.234,56", "1 234", "1.234").

    Empty where the digits are no well-formed number ("25.12.2018").
    """
    plain = _GROUP_JOINTS.sub("", digits)
    marks = re.findall(r"[.,]", plain)
    pieces = re.split(r"[.,]", plain)
    if not marks:
        return frozenset({Decimal(plain)})
    if len(set(marks)) == 2 and marks.count(marks[-1]) == 1:
        return frozenset({_decimal("".join(pieces[:-1]), pieces[-1])})
    if len(marks) == 1:
        grouped = len(pieces[1]) == 3 and 1 <= len(pieces[0]) <= 3 and pieces[0] != "0"
        thousands = {Decimal("".join(pieces))} if grouped else set()
        return frozenset({_decimal(*pieces), *thousands})
    if len(set(marks)) == 1 and all(len(piece) == 3 for piece in pieces[1:]):
        return frozenset({Decimal("".join(pieces))})
    return frozenset()


def _decimal(whole: str, fraction: str) -> Decimal:
    return Decimal(f"{whole or '0'}.{fraction}")


def decimal_mark(text: str) -> DecimalMark | None:
    """The decimal mark that `text` uses, by its numbers with one or two decimals; None: no sign."""
    points = len(re.findall(r"\d\.\d{1,2}(?![\d.,])", text))
    commas = len(re.findall(r"\d,\d{1,2}(?![\d.,])", text))
    if points == commas:
        return None
    return "." if points > commas else ","


def parse_number(text: str, mark: DecimalMark | None = None) -> Decimal | None:
    """The one number that `text` is, with its sign; None where it is none or more than one.

    Currency signs, codes and a percent sign may stand beside it. `mark` decides ambiguous
    groups of three; without it a comma groups and a point divides.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    match = _SPACED.search(text) or _PLAIN.search(text)
    if match is None:
        return None
    before, after = text[: match.start("digits")], text[match.end("digits") :]
    if _NUMBER_NOISE.sub("", before + after):
        return None
    value = _choose(match["digits"], mark or ".")
    if value is None:
        return None
    value *= _SCALES.get((match["after"] or "").strip().casefold(), 1)
    negative = _MINUS.search(before) or re.fullmatch(r"\s?[-\u2212]", after)
    return -value if negative and value else value


def _choose(digits: str, mark: DecimalMark) -> Decimal | None:
    readings = number_readings(digits)
    if not readings:
        return None
    return min(readings) if mark in digits else max(readings)


def currency_code(text: str) -> str | None:
    """ISO 4217 code of a code, sign or word ("€", "rm", "USD"); None where it is unknown."""
    wanted = unicodedata.normalize("NFKC", text).strip(" .").casefold()
    if re.fullmatch(r"[a-z]{3}", wanted) and wanted not in ("yen", "won", "rmb", "sfr"):
        return wanted.upper()
    return next((code for code, signs in CURRENCY_SIGNS.items() if wanted in signs), None)


def names_currency(text: str, code: str) -> bool:
    """Whether `text` holds the currency's code or one of its signs."""
    signs = (code.casefold(), *CURRENCY_SIGNS.get(code.upper(), ()))
    folded = unicodedata.normalize("NFKC", text).casefold()
    return any(_stands_alone(sign, folded) for sign in signs)


def named_currency(text: str) -> str | None:
    """The one currency whose code or sign stands beside numbers, or in brackets; else None.

    A sign that several currencies share counts as the first that CURRENCY_SIGNS lists.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    signs = {match[1] or match[2] for match in _BESIDE_NUMBER.finditer(folded)}
    codes = {_CODES[sign] for sign in signs}
    return codes.pop() if len(codes) == 1 else None


def _stands_alone(sign: str, text: str) -> bool:
    if not sign.isalpha() or not sign.isascii():
        return sign in text
    return re.search(rf"(?<![^\W\d_]){re.escape(sign)}(?![^\W\d_])", text) is not None


@dataclass(frozen=True)
class Compact:
    """A text without case, white space and punctuation, and the places where its words join.

    A point or comma between two digits is kept (as "."), so that 80.90 is not 8090.
    """

    text: str
    joints: frozenset[int]

    def find(self, part: str, start: int = 0) -> int:
        """Where `part` (compact) stands as whole words, from `start` on; -1: nowhere."""
        at = self.text.find(part, start) if part else -1
        while at >= 0 and not (at in self.joints and at + len(part) in self.joints):
            at = self.text.find(part, at + 1)
        return at


@lru_cache(maxsize=64)
def compact(text: str) -> Compact:
    """`text` in the form in which strings are compared (NFKC, casefolded, letters and digits)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept: list[str] = []
    joints = {0}
    for index, char in enumerate(folded):
        if not char.isalnum() and not unicodedata.combining(char):
            joints.add(len(kept))
            if char in ".," and _between_digits(folded, index):
                kept.append(".")
                joints.add(len(kept))
            continue
        if kept and (char.isdigit() != kept[-1].isdigit() or _is_ideograph(char)):
            joints.add(len(kept))
        kept.append(char)
        if _is_ideograph(char):
            joints.add(len(kept))
    joints.add(len(kept))
    return Compact("".join(kept), frozenset(joints))


def _between_digits(text: str, index: int) -> bool:
    return text[index - 1 : index].isdigit() and text[index + 1 : index + 2].isdigit()


def _is_ideograph(char: str) -> bool:
    """Scripts that write no spaces between words (CJK, Thai...) have letters without case."""
    return unicodedata.category(char) == "Lo"
