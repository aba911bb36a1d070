"""What the tables of patterns are made of; patterns run over normalised text.

Every pattern is linear in the text: it starts at few places (look-behinds), and its repetitions are
possessive or short. Levels follow the detector's least contract: it may grow, never shrink.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tandem.privacy.numbers import Hit
from tandem.records import Sensitivity


@dataclass(frozen=True)
class Pattern:
    """A regular expression with what else must hold.

    The span is the group `it`, or the whole match. `needs`: one of these (lower case) must stand
    in the text, else the expression is not tried. `valid` judges the span's letters and digits.
    """

    type: str
    sensitivity: Sensitivity
    score: float
    regex: re.Pattern[str]
    needs: tuple[str, ...] = ()
    valid: Callable[[str], bool] | None = None

    def find(self, text: str) -> Iterator[Hit]:
        """All places in normalised `text`."""
        group: str | int = "it" if "it" in self.regex.groupindex else 0
        for found in self.regex.finditer(text):
            if self.valid is None or self.valid(found[group]):
                yield found.start(group), found.end(group), self.score


@dataclass(frozen=True)
class Finder:
    """A detector that is more than one expression."""

    type: str
    sensitivity: Sensitivity
    find: Callable[[str], Iterator[Hit]]
    needs: tuple[str, ...] = ()


def digits(check: Callable[[str], bool], *lengths: int) -> Callable[[str], bool]:
    """Judges a span by `check` of its digits, of which there must be one of `lengths`."""

    def valid(written: str) -> bool:
        only = re.sub(r"\D", "", written)
        return len(only) in lengths and check(only)

    return valid


def compact(check: Callable[[str], bool]) -> Callable[[str], bool]:
    """Judges a span by `check` of its letters (capitals) and digits."""
    return lambda written: check(re.sub(r"[\W_]", "", written).upper())


def anything(_written: str) -> bool:
    """For numbers without a checksum."""
    return True


WORD_STARTS: Final = r"(?<![^\W_])"
"""No letter or digit before."""
NOT_IN_NUMBER: Final = r"(?<![\w.\-/+(])"
NUMBER_ENDS: Final = r"(?![\w]|[.\-/]\d)"
IS: Final = r"(?:\s*(?:number|no\.?|nr\.?|code|is|was|ist|lautet|est|es|=|:|#)){0,3}+[\s:#]*+"
"""What stands between a label and its value."""


def rx(expression: str, *, case: bool = False) -> re.Pattern[str]:
    """`expression` compiled; `case`: capitals matter."""
    return re.compile(expression, 0 if case else re.IGNORECASE)


A_DIGIT: Final = tuple("0123456789")
"""For `needs`."""
