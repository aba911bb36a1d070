"""Task `sentiment`: what a text's mood is, over positive, negative and neutral or own labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tandem.nodes.labels import CATEGORIES, LabelTask

LABELS: Final = ("positive", "negative", "neutral")
INSTRUCTION: Final = (
    "You label the sentiment of texts. The labels are:\n{labels}\n"
    "Answer with the one label that fits the user's text best, and nothing else."
)


@dataclass(frozen=True)
class Sentiment(LabelTask):
    """Sentiment of a text; see LabelTask."""

    name: str = "sentiment"
    node: str = "sentiment"
    instruction: str = INSTRUCTION
    own_labels_instruction: str = CATEGORIES
    default_labels: tuple[str, ...] = LABELS
    min_margin: float = 0.3
