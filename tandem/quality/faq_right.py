"""Whether an answer from the knowledge base is right: from the gold page, or honestly absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from tandem.quality.support import coverage

LEAST_FROM_GOLD: Final = 0.5
"""Share of the answer's content words that the gold passage holds, at least."""


def is_found(output: Any) -> bool:
    """Whether an output of task `faq` holds an answer."""
    return isinstance(output, Mapping) and bool(output.get("found"))


def cites(output: Any, source: str) -> bool:
    """Whether the page `source` is among the citations, whatever folder it lies in."""
    cited = output.get("citations", []) if isinstance(output, Mapping) else []
    wanted = PurePosixPath(source).name
    return any(PurePosixPath(str(one.get("source", ""))).name == wanted for one in cited)


def faq_right(output: Any, source: str, passage: str, question: str) -> bool:
    """Whether a question that `source` answers got it from there, and one without (`source` is
    empty) got no answer. Where `passage` is given the answer's words come from it."""
    if output is None:
        return False
    if not source or not is_found(output):
        return not source and not is_found(output)
    if not cites(output, source):
        return False
    return not passage or coverage(output["answer"], [passage], question) >= LEAST_FROM_GOLD
