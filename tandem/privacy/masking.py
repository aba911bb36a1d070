"""Findings replaced by [TYPE], for whatever must be shown: logs, traces, error messages."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from tandem.privacy.checked import Scan, Unchecked, checked
from tandem.privacy.detectors import STATEMENTS, Finding
from tandem.privacy.readings import disguised

HIDDEN: Final = "[HIDDEN]"
"""Stands for a text that could not be checked."""
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)|\n")


def mask(text: str, scan: Scan) -> str:
    """`text` with every finding of `scan` replaced by its type in brackets.

    Fails closed: a text that is too long to check, or on which a detector fails, is hidden whole.
    """
    try:
        findings = checked(text, scan)
        if any(disguised(text, findings, lambda reading: checked(reading, scan))):
            return HIDDEN
    except Unchecked:
        return HIDDEN
    parts, done = [], 0
    for finding in findings:
        parts += [text[done : max(done, finding.start)], f"[{finding.type}]"]
        done = max(done, _end(text, finding))
    return "".join([*parts, text[done:]])


def _end(text: str, finding: Finding) -> int:
    """Where a finding ends; a statement goes on to the end of its sentence."""
    if STATEMENTS.isdisjoint(kind for kind, _ in finding.readings):
        return finding.end
    ended = _SENTENCE_END.search(text, finding.end)
    return ended.start() if ended else len(text)


def mask_values(value: Any, scan: Scan) -> Any:
    """A JSON-like value with every text in it masked, keys included.

    A value of another type is shown by its type's name only: its text is not known to be harmless.
    """
    if isinstance(value, str):
        return mask(value, scan)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # A number may be a card's.
        return value if mask(str(value), scan) == str(value) else HIDDEN
    if isinstance(value, Mapping):
        return {mask(str(key), scan): mask_values(each, scan) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_values(each, scan) for each in value]
    return f"[{type(value).__name__}]"


class MaskFilter(logging.Filter):
    """Masks log records: add it to a handler, so that it sees every logger's records."""

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self._scan: Final = scan

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message and the traceback; always True."""
        record.msg, record.args = mask(record.getMessage(), self._scan), None
        if record.exc_info:
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text = mask(told, self._scan)
            record.exc_info = None
        if record.stack_info:
            record.stack_info = mask(record.stack_info, self._scan)
        return True
