"""Where known values stand in a text, however they are spaced, cut or written in capitals.

A pattern finds a value by the words around it ("my PIN is 4821"); the same value may come again
without them ({"pin": "4821"}). What was found once is known, and is found by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from tandem.privacy.normalise import normalise

CUT: Final = "[...]"
"""What stands where a text was shortened. A value may have been cut there."""
SHORTEST: Final = 4
"""Letters and digits of a value, or of a part of one beside a cut, that is told from chance."""
_A_WORD: Final = 8
"""Letters that do not come about by chance at the seam of two other words."""


class Place(NamedTuple):
    """Where [start, end) a known value, or a part of one, stands."""

    start: int
    end: int
    value: str


class _Written(NamedTuple):
    """The letters and digits of a text, folded, and where each stands in it."""

    folded: str
    at: list[int]
    text: str

    def place(self, start: int, end: int, value: str) -> Place:
        return Place(self.at[start], self.at[end - 1] + 1, value)


def folded(value: str) -> str:
    """The letters and digits of `value`, without tricks and without case."""
    return _written(value).folded


def places(text: str, known: Collection[str]) -> list[Place]:
    """Where the `known` values (as `folded` gives them) stand in `text`, in any order, overlaps
    among them; also a beginning or an end of one beside a CUT."""
    written = _written(text)
    return [*_whole(written, known), *_cut(written, known)]


def _written(text: str) -> _Written:
    plain = normalise(text)
    letters: list[str] = []
    at: list[int] = []
    for place, character in enumerate(plain.text):
        if character.isalnum():
            for letter in filter(str.isalnum, character.casefold()):
                letters.append(letter)
                at.append(plain.span(place, place + 1)[0])
    return _Written("".join(letters), at, text)


def _whole(written: _Written, known: Collection[str]) -> Iterator[Place]:
    for value in known:
        start = written.folded.find(value)
        while start >= 0:
            end = start + len(value)
            if not _by_chance(written, start, end):
                yield written.place(start, end, value)
            start = written.folded.find(value, start + 1)


def _by_chance(written: _Written, start: int, end: int) -> bool:
    """Whether a short word only comes about where others meet: "test" in "that estimate"."""
    value = written.folded[start:end]
    first, last = written.at[start], written.at[end - 1]
    if len(value) >= _A_WORD or not value.isalpha() or last - first < len(value):
        return False
    around = written.text[max(0, first - 1) : first] + written.text[last + 1 : last + 2]
    return any(map(str.isalnum, around))


def _cut(written: _Written, known: Collection[str]) -> Iterator[Place]:
    cut = written.text.find(CUT)
    while cut >= 0:
        middle = bisect_left(written.at, cut)
        for value in known:
            before = written.folded[max(0, middle - len(value)) : middle]
            after = written.folded[middle : middle + len(value)]
            if length := _begun(before, value):
                yield written.place(middle - length, middle, value)
            if length := _begun(after[::-1], value[::-1]):
                yield written.place(middle, middle + length, value)
        cut = written.text.find(CUT, cut + 1)


def _begun(text: str, value: str) -> int:
    """How much of the beginning of `value` is the end of `text`; 0 where too little to tell."""
    if value[:SHORTEST] not in text:
        return 0
    lengths = range(len(value) - 1, SHORTEST - 1, -1)
    return next((length for length in lengths if text.endswith(value[:length])), 0)
