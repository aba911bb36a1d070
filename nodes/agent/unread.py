"""Whether a request asks of something that was not looked up: what is said of it is a claim."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tandem.records import Step

READS_NOTHING: Final = frozenset(
    ("calculate", "count_text", "current_date", "document_classification", "draft", "sentiment")
)
"""Shipped tools that work on their arguments alone."""
_SOURCES: Final = (
    r"handbooks?|manuals?|polic(?:y|ies)|guidelines?|regulations?|documentation|wiki|faqs?|"
    r"knowledge base"
)
_ASKS: Final = re.compile(
    r"\b(?:look(?:ed|ing)? (?:\w+ )?up|"
    r"(?:in|from|per|by|under|of|to|do|does|did|say|check|read|consult|search|see|what|which) "
    rf"(?:(?:the|our|my|your|their|its|this|that|is|are) )?(?:[\w'-]+ ){{0,2}}(?:{_SOURCES}))\b",
    re.IGNORECASE,
)


def asks_unread(text: str, steps: Iterable[Step]) -> bool:
    """Whether the request `text` names a source such as a handbook, or something to look up, and no
    step that was done looked anything up."""
    read = (step for step in steps if step["status"] == "done" and _reads(step))
    return _ASKS.search(text) is not None and next(read, None) is None


def _reads(step: Step) -> bool:
    return step["tool"] not in READS_NOTHING
