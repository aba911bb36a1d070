"""Names for workloads: the task, and words that tell what its texts are about without telling of
anybody."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

from tandem.loop.audit.parts import Part
from tandem.privacy.checked import Scan, Unchecked, checked

WORDS: Final = 3
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


def names_of(parts: Sequence[Part], scan: Scan, least: int) -> list[str]:
    """A name each: no word in it stands in fewer than `least` different texts of the workload, was
    found by `scan` in any text, or is mostly written with a capital amid a sentence."""
    from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
        ENGLISH_STOP_WORDS,
    )

    by_part = [_words((each.row.text for each in part.seen), scan) for part in parts]
    barred = {*ENGLISH_STOP_WORDS, *_AUXILIARIES}.union(*(words.barred for words in by_part))
    everywhere: Counter[str] = Counter()
    for words in by_part:
        everywhere.update(words.counts)
    total = sum(words.texts for words in by_part)

    def weight(word: str, words: Words) -> float:
        return words.counts[word] * log((1 + total) / (1 + everywhere[word]))

    return _told_apart(
        _name(part, _best(words, barred, least, weight))
        for part, words in zip(parts, by_part, strict=True)
    )


def _told_apart(names: Iterable[str]) -> list[str]:
    """The names, with numbers where several are the same."""
    made: list[str] = []
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _best(
    words: Words, barred: set[str], least: int, weight: Callable[[str, Words], float]
) -> list[str]:
    fit = [word for word, n in words.counts.items() if n >= least and word not in barred]
    return sorted(fit, key=lambda word: (-weight(word, words), word))[:WORDS]


def _words(texts: Iterable[str], scan: Scan) -> Words:
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


def _name(part: Part, words: Sequence[str]) -> str:
    if part.other:
        return "other"
    about = f": {', '.join(words)}" if words else ""
    prompt = f" (prompt {part.stratum.prompt})" if part.stratum.prompt else ""
    return f"{part.task or 'several tasks'}{about}{prompt}"
