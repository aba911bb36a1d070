"""Text as a reader sees it: undoes cheap Unicode tricks, and remembers where each character stood.

NFKC (full-width and circled digits, ligatures), all digits made ASCII, all dashes and white space
made plain, and characters that are not seen (zero-width, control characters, combining marks)
removed.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_NOT_PLAIN: Final = re.compile(r"[^\x09-\x0d\x20-\x7e]")
_INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
_BLANKS: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters by their category, but drawn as nothing."""
_MINUS: Final = "\u2212"


@dataclass(frozen=True)
class Normalised:
    """`text` after normalisation; `offsets[i]` is where its i-th character stood before.

    `offsets` is None where nothing changed.
    """

    text: str
    offsets: array[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original text of the non-empty span [start, end) of `text`."""
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1


def normalise(text: str) -> Normalised:
    """`text` without tricks. Linear in its length; plain ASCII text is returned as it is."""
    if _NOT_PLAIN.search(text) is None:
        return Normalised(text)
    parts: list[str] = []
    offsets: array[int] = array("q")
    done = 0
    for found in _NOT_PLAIN.finditer(text):
        at = found.start()
        plain = _plain(found[0])
        parts += (text[done:at], plain)
        offsets.extend(range(done, at))
        offsets.extend([at] * len(plain))
        done = at + 1
    parts.append(text[done:])
    offsets.extend(range(done, len(text)))
    return Normalised("".join(parts), offsets)


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    return "".join(_plain_one(part) for part in unicodedata.normalize("NFKC", character))


def _plain_one(character: str) -> str:
    category = unicodedata.category(character)
    if category in _INVISIBLE or character in _BLANKS:
        return ""
    # Also digits in discs; the Chinese ones are letters, and stay.
    if category in {"Nd", "No"} and (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    if category == "Cc" and not character.isspace():
        return ""
    if category == "Pd" or character == _MINUS:
        return "-"
    if category in {"Zl", "Zp"}:
        return "\n"
    return " " if character.isspace() else character
