"""What a model is shown of a quotation: the stretch around the value, without what may not leave.

An e-mail address at the end of a sentence would else keep the whole conclusion from a model that is
not private. Nothing is masked or replaced: what is not shown is not sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from tandem.privacy.checked import Scan
from tandem.records import Sensitivity

QUOTE_CHARS: Final = 300
_LINK: Final = re.compile(r"!?\[([^\]]{0,300})\]\([^)]{0,1000}\)")
_CUT: Final = "..."


@dataclass(frozen=True)
class Showing:
    """Cuts quotations.

    Parameters
    ----------
    scan: finds what is sensitive.
    may_be_seen: the sensitivities that may leave.
    """

    scan: Scan
    may_be_seen: Collection[Sensitivity]

    def __call__(self, quote: str, value: str) -> str:
        """The stretch around `value`, on one line, links by their words, in about QUOTE_CHARS
        characters. Where the value itself is sensitive it is whole: the guard decides then."""
        plain = " ".join(_LINK.sub(r"\1", quote).split())
        said = " ".join(value.split())
        at = plain.casefold().find(said.casefold())
        start, end = (at, at + len(said)) if at >= 0 else (0, 0)
        left, right = self._open(plain, start, end)
        if right - left > QUOTE_CHARS:
            left = max(left, min(start - QUOTE_CHARS // 2, right - QUOTE_CHARS))
            right = left + QUOTE_CHARS
        return _marked(plain, left, right)

    def _open(self, text: str, start: int, end: int) -> tuple[int, int]:
        """The stretch around [start, end) that holds nothing sensitive."""
        left, right = 0, len(text)
        for finding in self.scan(text):
            if all(level in self.may_be_seen for _, level in finding.readings):
                continue
            if finding.end <= start:
                left = max(left, finding.end)
            elif finding.start >= end:
                right = min(right, finding.start)
            else:
                return 0, len(text)
        return left, right


def _marked(text: str, left: int, right: int) -> str:
    before = f"{_CUT} " if left else ""
    after = f" {_CUT}" if right < len(text) else ""
    return f"{before}{text[left:right].strip()}{after}"
