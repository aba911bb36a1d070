"""The detector under a watch: its findings, or the plain word that a text was not checked.

Whoever asks fails closed on `Unchecked`. A thread cannot be killed, so what is guaranteed is this:
the caller goes on after `seconds`, the text counts as unchecked, and at most `_AT_ONCE` scans are
on their way, so that a detector that hangs ends in "unchecked" for all further texts and not in
ever more threads. A detector that holds the interpreter's lock (one endless regular expression)
holds up the process as well: the shipped expressions are linear and their texts bounded, so that
theirs end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final

from tandem.privacy.detectors import Detector, Finding

Scan = Callable[[str], Sequence[Finding]]

MAX_CHARS: Final = 1_000_000
"""Longer texts are not scanned (a hostile one takes some seconds), and so count as secret."""
SECONDS: Final = 10.0
_AT_ONCE: Final = 64
_free: Final = threading.BoundedSemaphore(_AT_ONCE)


class Unchecked(Exception):
    """A text was not checked, for the reason given; the message never holds the text."""


def checked(
    text: str, scan: Scan, *, max_chars: int = MAX_CHARS, seconds: float = SECONDS
) -> list[Finding]:
    """What `scan` finds in `text`, in the order of the spans.

    Raises
    ------
    Unchecked: the text is too long, or the scan raised, took too long, or gave no findings of
        this very text.
    """
    if not text:
        return []
    if len(text) > max_chars:
        raise Unchecked(f"has over {max_chars} characters and was not checked")
    kept = scan.kept if isinstance(scan, Detector) else None
    if kept is not None and (known := kept.get(text)) is not None:
        return known
    found = _within(scan, text, seconds)
    # A list or tuple, and nothing that is merely empty or falsy: "nothing found" must be said.
    if not isinstance(found, list | tuple) or not all(_is_of(each, text) for each in found):
        raise Unchecked("could not be checked")
    ordered = sorted(found, key=lambda finding: finding.start)
    if kept is not None:
        kept.put(text, ordered)
    return ordered


def _within(scan: Scan, text: str, seconds: float) -> Any:
    if not _free.acquire(timeout=seconds):
        raise Unchecked(f"was not checked within {seconds:g} seconds")
    answer: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_scan, args=(scan, text, answer), daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except Empty:
        raise Unchecked(f"was not checked within {seconds:g} seconds") from None


def _scan(scan: Scan, text: str, answer: SimpleQueue[Any]) -> None:
    try:
        found: Any = scan(text)
    # Whatever goes wrong in a detector, the text counts as unchecked. The error itself is not
    # passed on: it may hold the text.
    except BaseException:
        found = None
    _free.release()
    answer.put(found)


def _is_of(finding: Any, text: str) -> bool:
    if not isinstance(finding, Finding) or not isinstance(finding.type, str):
        return False
    start, end = finding.start, finding.end
    return type(start) is int and type(end) is int and 0 <= start < end <= len(text)
