"""Numbers as English words: "twenty-five", "two thousand five hundred", "half"."""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SMALL: Final = {
    **{word: value for value, word in enumerate(_UNITS, 1)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
}
SCALES: Final = {"hundred": 100, "thousand": 1000}
_ANY: Final = "|".join(sorted((*SMALL, *SCALES), key=len, reverse=True))
_SPACE: Final = r"(?:[ \t]{1,9}|[ \t]{0,9}\r?\n[ \t]{0,9})"
"""A line may end within a number, a paragraph not."""
NUMBER_WORDS: Final = (
    rf"(?:{_ANY})(?:(?:-|{_SPACE})(?:and{_SPACE})?(?:{_ANY})(?![a-z])){{0,9}}"
    rf"(?:{_SPACE}and{_SPACE}a{_SPACE}half)?(?![a-z])"
)
"""Pattern of a number in words, in lower case. None has more than ten words."""
_FOUND: Final = re.compile(rf"\b{NUMBER_WORDS}", re.IGNORECASE)


def worded_number(written: str) -> float:
    """The value of a text that NUMBER_WORDS matches; "a" and "an" count as one."""
    text = " ".join(written.casefold().split())
    whole = text.removesuffix(" and a half")
    total = part = 0.0
    for word in re.split(r"[ -]+", whole):
        if word == "thousand":
            total, part = total + (part or 1) * 1000, 0.0
        elif word in SCALES:
            part = (part or 1) * SCALES[word]
        elif word != "and":
            part += SMALL.get(word, 1)
    return total + part + (0.5 if whole != text else 0.0)


def worded_numbers(text: str) -> list[float]:
    """All numbers in words of a text, in order."""
    return [worded_number(found) for found in _FOUND.findall(text)]
