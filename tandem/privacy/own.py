"""Detectors of the customer's own: the terms and patterns of the settings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from tandem.privacy.base import Finder
from tandem.privacy.normalise import normalise
from tandem.privacy.numbers import Hit
from tandem.settings import OwnPattern, Privacy, Terms
from tandem.settings.expressions import MOST_CHARS, bounded

_WORD: Final = re.compile(r"[^\W_]+")
_GAP: Final = 8
"""Characters that may stand between the words of a term."""
_STRETCH: Final = 20_000
"""Characters that are searched at one go: `re` holds the interpreter's lock meanwhile."""


def own_detectors(privacy: Privacy) -> tuple[Finder, ...]:
    """The detectors of `privacy.terms` and `privacy.patterns`."""
    return (*map(_of_terms, privacy.terms), *map(_of_pattern, privacy.patterns))


def _of_terms(terms: Terms) -> Finder:
    return Finder(terms.type, terms.sensitivity, TermFinder(terms.words))


def _of_pattern(own: OwnPattern) -> Finder:
    return Finder(own.type, own.sensitivity, PatternFinder(bounded(own.regex)))


class TermFinder:
    """Finds terms, each a few words; its time does not grow with their number."""

    def __init__(self, terms: Iterable[str]) -> None:
        words = [tuple(word for *_, word in _words(normalise(term).text)) for term in terms]
        self._terms: Final = frozenset(words)
        self._lengths: Final[dict[str, list[int]]] = {}
        """By the first word: of how many words terms are, longest first."""
        for term in sorted(self._terms, key=len, reverse=True):
            lengths = self._lengths.setdefault(term[0], [])
            if len(term) not in lengths:
                lengths.append(len(term))

    def __call__(self, text: str) -> Iterator[Hit]:
        """All places in normalised `text`."""
        words = list(_words(text))
        for first, (start, _, word) in enumerate(words):
            for length in self._lengths.get(word, ()):
                span = words[first : first + length]
                if tuple(word for *_, word in span) in self._terms and _joined(span):
                    yield start, span[-1][1], 1.0
                    break


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _WORD.finditer(text):
        yield found.start(), found.end(), _folded(found[0])


def _folded(word: str) -> str:
    """A word without case and accents."""
    word = word.casefold()
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _joined(span: list[tuple[int, int, str]]) -> bool:
    return all(after[0] - before[1] <= _GAP for before, after in pairwise(span))


class PatternFinder:
    """Finds what a bounded expression matches, a stretch of text after the other."""

    def __init__(self, regex: re.Pattern[str]) -> None:
        self._regex: Final = regex
        self._group: Final = "it" if "it" in regex.groupindex else 0

    def __call__(self, text: str) -> Iterator[Hit]:
        """All places in normalised `text`."""
        done = 0
        while done < len(text):
            stop = done + _STRETCH
            # What begins before `stop` is seen whole, with what it looks ahead to.
            for found in self._regex.finditer(text, done, stop + MOST_CHARS + 2):
                if found.start() >= stop:
                    break
                start, end = found.span(self._group)
                # The group may be empty, or in the alternative that did not match.
                yield (start, end, 1.0) if start < end else (*found.span(), 1.0)
                stop = max(stop, found.end())
            done = stop
