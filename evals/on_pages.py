"""Research as one prompt over whole pages: the baseline of reading everything with one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tandem.models.tier import TierCall
from tandem.nodes.research.records import Passage
from tandem.nodes.research.task import Research
from tandem.nodes.task import Prepared, Task

PAGES: Final = 4
"""Pages in the prompt: those of the best passages."""
_CHARS_PER_TOKEN: Final = 3
_REST_TOKENS: Final = 1500
"""Of the window, for instructions and answer."""


def on_pages(
    task: Task, prepared: Prepared, read: Callable[[str], str], call: TierCall
) -> Prepared:
    """`prepared` of research with the best passages' pages in the passages' place; a page too long
    for its share of the window is cut around its best passage.

    Parameters
    ----------
    read: the text of a page by its source.
    """
    if not isinstance(task, Research):
        return prepared
    best: dict[str, Passage] = {}
    for passage in prepared["passages"]:
        best.setdefault(passage["source"], passage)
    chars = max(call.context_tokens - _REST_TOKENS, 1000) * _CHARS_PER_TOKEN // PAGES
    pages = [_page(passage, read, chars) for passage in list(best.values())[:PAGES]]
    return {**prepared, "passages": pages}


def _page(passage: Passage, read: Callable[[str], str], chars: int) -> Mapping[str, Any]:
    text = read(passage["source"])
    middle = passage["start"] + len(passage["text"]) // 2
    start = max(0, min(middle - chars // 2, len(text) - chars))
    cut = text[start : start + chars]
    return {**passage, "id": passage["source"], "heading": "", "text": cut, "start": start}
