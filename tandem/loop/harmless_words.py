"""Words that tell what many texts are about without telling of anybody: the one rule by which
reports may show words of requests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from tandem.privacy.checked import Scan, Unchecked, checked

SHOWN: Final = 3
_AUXILIARIES: Final = ("did", "does", "doesn", "don", "didn", "isn", "wasn", "won")
_WORD: Final = re.compile(r"[^\W\d_]{3,20}")
_STARTS: Final = re.compile(r"(?:^|[.!?:\n\"“(])\s*$")


@dataclass
class Words:
    """In how many different texts a word stands."""

    texts: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    barred: set[str] = field(default_factory=set)
    """Words that the detector found, or that are written as names are."""


def words_of(texts: Iterable[str], scan: Scan) -> Words:
    """The words of `texts`, each text once. Barred is what `scan` finds in any of them, and what is
    mostly written with a capital amid a sentence."""
    made, capital, seen = Words(), Counter[str](), Counter[str]()
    for text in dict.fromkeys(texts):
        made.texts += 1
        try:
            spans = [(each.start, each.end) for each in checked(text, scan)]
        except Unchecked:
            continue
        here = set()
        for found in _WORD.finditer(text):
            word = found.group().lower()
            if any(start < found.end() and found.start() < end for start, end in spans):
                made.barred.add(word)
            here.add(word)
            upper = found.group()[0].isupper()
            # What begins a sentence is written so whatever it is.
            if not (upper and _STARTS.search(text[max(0, found.start() - 4) : found.start()])):
                seen[word] += 1
                capital[word] += upper
        made.counts.update(here)
    made.barred |= {word for word in made.counts if 2 * capital[word] >= seen[word]}
    return made


def telling(
    group: Words, everywhere: Sequence[Words], least: int, weight: Callable[[str], float]
) -> list[str]:
    """The words of `group` with the most weight, at most SHOWN: none that stands in fewer than
    `least` of its texts, that tells nothing, or that is barred in any group of `everywhere`."""
    barred = _empty_words().union(group.barred, *(one.barred for one in everywhere))
    fit = [word for word, n in group.counts.items() if n >= least and word not in barred]
    return sorted(fit, key=lambda word: (-weight(word), word))[:SHOWN]


@cache
def _empty_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
        ENGLISH_STOP_WORDS,
    )

    return frozenset({*ENGLISH_STOP_WORDS, *_AUXILIARIES})
