"""The sentences of a passage, whole where its lines are wrapped."""

from __future__ import annotations

import re
from typing import Final

from tandem.nodes.passages import Unit, units

MOST_CHARS: Final = 600
"""No sentence is put together to more."""
_ONE_BREAK: Final = re.compile(r"[ \t]*\n[ \t]*")
_NEW_ITEM: Final = re.compile(r"(?:[-*+] |[|>#]|\d{1,3}[.)] )")
_ITEM_NUMBER: Final = re.compile(r"\d{1,3}\.")
_ENDED: Final = (".", "!", "?", ":", "|", ";")


def sentences(text: str) -> list[Unit]:
    """Sentences, list items and table rows in order, `text[start:end]` being the text of each.

    A line that goes on in the next one, which begins no item, row or heading, is one with it.
    """
    found: list[Unit] = []
    for unit in units(text):
        start = unit.start + text[unit.start : unit.end].index(unit.text)
        end = start + len(unit.text)
        if found and _goes_on(text, found[-1], start, end):
            start = found.pop().start
        found.append(Unit(start, end, text[start:end]))
    return found


def _goes_on(text: str, before: Unit, start: int, end: int) -> bool:
    if _ITEM_NUMBER.fullmatch(before.text):
        return "\n" not in text[before.end : start]
    return (
        _ONE_BREAK.fullmatch(text, before.end, start) is not None
        and not before.text.endswith(_ENDED)
        and not before.text.startswith(("|", "#"))
        and not _NEW_ITEM.match(text, start)
        and end - before.start <= MOST_CHARS
    )
