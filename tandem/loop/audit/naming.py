"""Names for workloads: the task, and words that tell what its texts are about without telling of
anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log

from tandem.loop.audit.gathering import NO_TEXT
from tandem.loop.audit.parts import Part
from tandem.loop.harmless_words import Words, telling, words_of
from tandem.privacy.checked import Scan


def names_of(parts: Sequence[Part], scan: Scan, least: int) -> list[str]:
    """A name each: no word in it stands in fewer than `least` different texts of the workload, was
    found by `scan` in any text, or is mostly written with a capital amid a sentence."""
    by_part = [words_of((each.row.text for each in part.seen), scan) for part in parts]
    everywhere: Counter[str] = Counter()
    for words in by_part:
        everywhere.update(words.counts)
    total = sum(words.texts for words in by_part)

    def best(words: Words) -> list[str]:
        def weight(word: str) -> float:
            return words.counts[word] * log((1 + total) / (1 + everywhere[word]))

        return telling(words, by_part, least, weight)

    return _told_apart(_name(part, best(words)) for part, words in zip(parts, by_part, strict=True))


def _told_apart(names: Iterable[str]) -> list[str]:
    """The names, with numbers where several are the same."""
    made: list[str] = []
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _name(part: Part, words: Sequence[str]) -> str:
    if part.other:
        return "other"
    if part.silent:
        return NO_TEXT
    about = f": {', '.join(words)}" if words else ""
    prompt = f" (prompt {part.stratum.prompt})" if part.stratum.prompt else ""
    return f"{part.task or 'several tasks'}{about}{prompt}"
