"""Values that stand in more than one text: half a card number in a message, half in a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tandem.privacy.detectors import Finding
from tandem.privacy.readings import disguised

Check = Callable[[str], Sequence[Finding]]

_REACH: Final = 300
"""Characters at each end of a text that may belong to a value that goes on in its neighbour."""


def across(texts: Sequence[str], check: Check) -> Iterator[tuple[Finding, str]]:
    """What `check` finds over the seams of `texts` in their order, each with its text; once with a
    line break between them, once without anything.

    Encodings are undone over the seams as well. A finding that only grew over the seam (an address
    after a word) is none: `check` finds it in its own text. Raises what `check` raises.
    """
    short = [_ends(text) for text in texts if text]
    if len(short) < 2:
        return
    for separator in ("\n", ""):
        pieces = [f"{text}{separator}" for text in short]
        whole = "".join(pieces)
        found = check(whole)
        yield from disguised(whole, found, check)
        if crossing := [each for each in found if _crosses(each, pieces)]:
            known = list(_known(pieces, check))
            for finding in crossing:
                if not any(finding.start < end and start < finding.end for start, end in known):
                    yield finding, whole[finding.start : finding.end]


def _known(pieces: Sequence[str], check: Check) -> Iterator[tuple[int, int]]:
    """The spans, in all pieces together, of what is found in one piece alone."""
    at = 0
    for piece in pieces:
        yield from ((at + each.start, at + each.end) for each in check(piece))
        at += len(piece)


def _ends(text: str) -> str:
    if len(text) <= 2 * _REACH:
        return text
    return f"{text[:_REACH]}\n\n ... \n\n{text[-_REACH:]}"


def _crosses(finding: Finding, pieces: Sequence[str]) -> bool:
    end = 0
    for piece in pieces:
        end += len(piece)
        if finding.start < end:
            return finding.end > end
    return False
