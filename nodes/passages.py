"""Passages cut down to what may answer a question: fewer tokens to read, and less to go wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tandem.quality.support import content_words

Passage = Mapping[str, Any]
"""{"id", "source", "heading", "text", "score"}, as search_knowledge gives it."""

_UNIT: Final = re.compile(r"[^\n.!?]+(?:[.!?](?!\s)[^\n.!?]*)*[.!?]*")
_NUMBER: Final = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|"
    r"forty|fifty|sixty|ninety|hundred|half|double|twice)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Unit:
    """A sentence or a line of a passage, with its offsets in the passage's text."""

    start: int
    end: int
    text: str

    @property
    def numeric(self) -> bool:
        """Whether a number stands in it, in digits or as a word."""
        return _NUMBER.search(self.text) is not None


def units(text: str) -> list[Unit]:
    """The sentences and lines of `text`, in order."""
    return [
        Unit(match.start(), match.end(), match[0].strip())
        for match in _UNIT.finditer(text)
        if re.search(r"\w", match[0])
    ]


def condensed(passage: Passage, question: str, chars: int, numeric: bool = False) -> str:
    """The units of a passage that say most about `question`, in their order, in about `chars`.

    With `numeric`, only units that hold a number. The unit before a chosen one is kept where it
    introduces it (it ends with a colon).
    """
    all_units = units(passage["text"])
    wanted = content_words(question)
    candidates = [i for i, unit in enumerate(all_units) if unit.numeric or not numeric]
    ranked = sorted(candidates, key=lambda i: -len(wanted & content_words(all_units[i].text)))
    return " ".join(all_units[i].text for i in _fitting(all_units, ranked, chars))


def _fitting(all_units: Sequence[Unit], ranked: Sequence[int], chars: int) -> list[int]:
    chosen: set[int] = set()
    left = chars
    for i in ranked:
        introduced = i > 0 and all_units[i - 1].text.endswith(":")
        group = {i - 1, i} if introduced else {i}
        cost = sum(len(all_units[j].text) + 1 for j in group - chosen)
        if cost > left and chosen:
            continue
        chosen |= group
        left -= cost
    return sorted(chosen)
