"""Payment cards and IBANs, in any spacing.

Both are found in runs of digits (letters) with separators between them, and judged by issuer or
country, length and checksum. A number must begin and end where a group does: a card's digits in the
middle of a longer unbroken number are no card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tandem.privacy import checksums

Hit = tuple[int, int, float]
"""Start, end and score of something found."""

_SPACED: Final = re.compile(r"\d(?:[\s\-_]{0,8}+\d){11,}+")
_PUNCTUATED: Final = re.compile(r"(?<!\d)\d{1,6}([.,/:|*])(?:\d{1,6}\1){1,18}+\d{1,6}(?!\d)")
_ISSUERS: Final = {
    12: re.compile(r"50|5[6-9]|6"),
    13: re.compile(r"4"),
    14: re.compile(r"3(?:0[0-5]|[689])"),
    15: re.compile(r"3[47]|1800|2131"),
    16: re.compile(r"4|5|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|35|6"),
    18: re.compile(r"62|50|5[6-9]|6"),
    19: re.compile(r"4|62|50|5[6-9]|6"),
}
"""How numbers of a length begin (ISO/IEC 7812 issuer ranges)."""
_LENGTHS_BY_FIRST_DIGIT: Final = {
    "1": (15,),
    "2": (16, 15),
    "3": (16, 15, 14),
    "4": (19, 16, 13),
    "5": (19, 18, 16, 12),
    "6": (19, 18, 16, 12),
}
_RARE: Final = frozenset({12, 13, 18})
"""Lengths that are more often something else: these want a word such as "card" nearby."""
_CARD_WORD: Final = re.compile(
    r"card|kart|carte|tarjeta|cart[aã]o|kort|visa|maestro|amex|payment|cc\b", re.IGNORECASE
)
_NEARBY: Final = 60
_USUAL_GROUPS: Final = frozenset({4, 5, 6})


def cards(text: str) -> Iterator[Hit]:
    """Payment card numbers in `text`."""
    for run in _SPACED.finditer(text):
        yield from _cards_in_run(text, run.start(), run.end())
    for run in _PUNCTUATED.finditer(text):
        digits = "".join(filter(str.isdigit, run[0]))
        if checksums.luhn(digits) and _is_card(text, run.start(), run.end(), digits):
            yield run.start(), run.end(), 0.9


def _cards_in_run(text: str, start: int, end: int) -> Iterator[Hit]:
    places = [place for place in range(start, end) if text[place].isdigit()]
    digits = "".join(text[place] for place in places)
    starts = [i for i, place in enumerate(places) if i == 0 or places[i - 1] != place - 1]
    stops = {*starts[1:], len(digits)}
    sums = checksums.LuhnSums(digits)
    free = 0
    for first in starts:
        for length in _LENGTHS_BY_FIRST_DIGIT.get(digits[first], ()) if first >= free else ():
            stop = first + length
            if stop not in stops or not sums.passes(first, stop):
                continue
            begin, finish = places[first], places[stop - 1] + 1
            if _is_card(text, begin, finish, digits[first:stop]):
                yield begin, finish, _card_score(text[begin:finish])
                free = stop
                break


def _is_card(text: str, start: int, end: int, digits: str) -> bool:
    """Whether digits that pass the Luhn check begin as an issuer's do, and look like a card."""
    issuer = _ISSUERS.get(len(digits))
    if issuer is None or not issuer.match(digits):
        return False
    around = text[max(0, start - _NEARBY) : end + _NEARBY]
    return len(digits) not in _RARE or _CARD_WORD.search(around) is not None


def _card_score(written: str) -> float:
    groups = [len(group) for group in re.findall(r"\d+", written)]
    usual = len(groups) == 1 or set(groups[:-1]) <= _USUAL_GROUPS or set(groups) == {1}
    return 1.0 if usual else 0.7


_IBAN_START: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][\s\-]?[A-Za-z][\s\-]?\d[\s\-]?\d")
_IBAN_REACH: Final = 34 * 4


def ibans(text: str) -> Iterator[Hit]:
    """International bank account numbers in `text`, in either case."""
    for head in _IBAN_START.finditer(text):
        country = "".join(filter(str.isalpha, head[0])).upper()
        length = checksums.iban_length(country)
        if length is None:
            continue
        end, compact = _compact(text, head.start(), length)
        digits = sum(character.isdigit() for character in compact)
        # One text in 97 passes the checksum by chance; words are no account numbers.
        if 2 * digits >= length and checksums.iban(compact):
            yield head.start(), end, 1.0


def _compact(text: str, start: int, length: int) -> tuple[int, str]:
    """The first `length` letters and digits from `start`, in capitals, and where they end."""
    taken: list[str] = []
    end = start
    for end in range(start, min(len(text), start + _IBAN_REACH)):
        character = text[end]
        if character.isascii() and character.isalnum():
            taken.append(character.upper())
            if len(taken) == length:
                break
        elif not (character.isspace() or character in "-._/"):
            break
    return end + 1, "".join(taken)
