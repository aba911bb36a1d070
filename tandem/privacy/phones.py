"""Phone numbers: by their form, or by a word nearby where the form is that of any number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tandem.privacy.base import (
    A_DIGIT,
    NOT_IN_NUMBER,
    NUMBER_ENDS,
    WORD_STARTS,
    Finder,
    Pattern,
    anything,
    digits,
    rx,
)
from tandem.privacy.numbers import Hit


def _is_national_phone(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    date = re.match(r"\d{1,2}[.\-/ ]\d{1,2}[.\-/ ](?:19|20)?\d{2}(?!\d)", written)
    return 8 <= len(digits) <= 12 and (not date or len(digits) > 8)


_EXTENSION = r"(?:\s?(?:x|ext\.?)\s?\d{1,6})?"
_PATTERNS: Final = (
    Pattern(
        "PHONE",
        "personal",
        0.9,
        rx(r"(?<![\w+])\+[ (]{0,2}[1-9](?:[ ().\-/]{0,4}+\d){7,14}(?!\d)" + _EXTENSION),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.8,
        rx(NOT_IN_NUMBER + r"00[1-9]\d{0,2}(?:[ ().\-/]{1,3}+\d{1,6}){2,6}+" + _EXTENSION),
        valid=digits(anything, 10, 11, 12, 13, 14, 15),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.8,
        rx(
            r"(?<![\w.\-/+(])(?:1[ .\-]?)?(?:\(\d{3}\)[ .\-]?|\d{3}[.\-])\d{3}[.\- ]\d{4}"
            + _EXTENSION
            + NUMBER_ENDS
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.7,
        rx(
            NOT_IN_NUMBER
            + r"(?:0[1-9]\d{0,3}|\(0?[1-9]\d{1,3}\))(?:[ .\-/]{1,3}+\d{2,8}){1,5}+"
            + NUMBER_ENDS
        ),
        valid=_is_national_phone,
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.8,
        rx(
            WORD_STARTS
            + r"(?:tele?(?:ph?one?|fono?|fax)?|t[ée]l[ée]phone|phone|mobile?|handy|cell(?:phone)?"
            r"|fax|whats ?app|h/?p|hotline|desk|contact (?:number|no)|my number|call|sms"
            r"|(?:messages?|text(?: (?:me|him|her|us))?) (?:to|at|on)|(?:reach|ring) (?:me|us))"
            r"(?![^\W\d_])(?: (?:me|us|him|her|them|at|on|no|nr|number|is)\b){0,4}+"
            r"[\s:.)(#/\-]{0,8}+(?:fax[\s:.]{1,4})?"
            r"(?P<it>\+?\(?\d(?:[ ().\-/]{0,3}+\d){5,14})(?![\d,])" + _EXTENSION
        ),
        needs=A_DIGIT,
    ),
    Pattern(
        "PHONE",
        "personal",
        0.7,
        rx(
            NOT_IN_NUMBER
            + r"(?P<it>\(?\d(?:[ ().\-/]{0,3}+\d){6,14}"
            + _EXTENSION
            + r")[ \-(]{1,3}(?:office|mobile|cell|fax|tel)\b"
        ),
        needs=A_DIGIT,
    ),
)

_BARE: Final = re.compile(
    r"(?<![\w.,/\-+(#$€£])(?:\(?\d{1,4}\)?(?:[ .\-]\d{2,4}){1,5}|\d{7,12})(?![\w%€£$]|[.,/\-:]\d)"
)
_REACH: Final = 60
"""How far before a number the word may stand that makes it a phone number."""
_SURE: Final = re.compile(
    r"(?<![^\W_])(?:tele?(?:ph?one?|fono?)?|t[ée]l[ée]phone|(?:smart)?phone|mobile?|handy|cell(?:phone)?"
    r"|fax|whats ?app|sms|dial|ring|(?:support|hot|help|land)[ \-]?line"
    r"|(?:call|contact|reach) (?:me|us|you|him|her|them|on|at)|text (?:me|us|him|her|them)"
    r"|(?:my|his|her|their|new|old) number)(?![^\W\d_])|(?:^|[\s,;])(?:t|m|p|ph|tel|mob)[.:]? ?$"
    r"|(?:^|[\s,;])(?:text|number:) $",
    re.IGNORECASE,
)
_MAYBE: Final = re.compile(
    r"(?<![^\W_])(?:call(?:ed|ing|s)?|contact|reach(?:ed)?|(?:the|your) number)(?![^\W\d_])",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"[ ,(\-]{1,3}(?:(?:is|was) )?(?:(?:my|his|her|their|our|the|a) )?(?:new |old |work |home )?"
    r"(?:phone|mobile|cell|fax|number|office|tel)\b",
    re.IGNORECASE,
)
_OTHER_LABEL: Final = re.compile(
    r"(?:order|invoice|ref(?:erence)?|ticket|case|account|id|booking|tracking|item|part|model|serial"
    r"|version|room|page|article|policy|customer|amount|total|population|year|version|code|card|isbn"
    r"|between|over|about|than|nearly|almost|exceed\w*|of|costs?|price|ha[sd]|have)"
    r"(?: (?:number|no\.?|nr\.?|id|code|is|was))*"
    r"[\s:#.=]{0,3}$",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(
    r" ?(?:usd|eur|gbp|chf|dollars|euros|pounds|people|users|units|times|rows|tokens|bytes|[kmg]b"
    r"|ms|seconds|items|shares|hz|years?|days?|[km]?m)\b",
    re.IGNORECASE,
)
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:[ .]\d{3})+")
_DATE: Final = re.compile(r"\d{1,2}[.\- ]\d{1,2}[.\- ](?:19|20)?\d{2}|(?:19|20)\d\d[.\- ]\d.*")


def _near_a_word(text: str) -> Iterator[Hit]:
    """Numbers of 7 to 12 digits without a prefix, where a word says what they are."""
    for found in _BARE.finditer(text):
        if 7 <= sum(map(str.isdigit, found[0])) <= 12 and not _DATE.fullmatch(found[0]):
            before = text[max(0, found.start() - _REACH) : found.start()]
            if _is_called_phone(before, found[0], text[found.end() : found.end() + _REACH]):
                yield found.start(), found.end(), 0.6


def _is_called_phone(before: str, written: str, after: str) -> bool:
    if _OTHER_LABEL.search(before) or _UNIT.match(after):
        return False
    if _SURE.search(before) or _AFTER.match(after):
        return True
    return _MAYBE.search(before) is not None and not _THOUSANDS.fullmatch(written)


DETECTORS: Final[tuple[Pattern | Finder, ...]] = (
    *_PATTERNS,
    Finder("PHONE", "personal", _near_a_word, A_DIGIT),
)
