"""What a detector found in the last texts: a request's text is looked at at every door it passes.

Only spans are kept, by a digest of the text, never the text itself.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

T = TypeVar("T")
MOST: Final = 2048
"""Texts whose findings are kept."""


@dataclass
class Kept(Generic[T]):
    """Findings by text; the text that was asked for longest ago goes first. Thread-safe."""

    most: int = MOST
    _found: OrderedDict[bytes, tuple[T, ...]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, text: str) -> list[T] | None:
        """What was found in `text`; None where nobody looked, or it is too long ago."""
        key = _key(text)
        with self._lock:
            found = self._found.get(key)
            if found is None:
                return None
            self._found.move_to_end(key)
            return list(found)

    def put(self, text: str, found: Sequence[T]) -> None:
        """Keep what was found in `text`."""
        with self._lock:
            self._found[_key(text)] = tuple(found)
            while len(self._found) > self.most:
                self._found.popitem(last=False)


def _key(text: str) -> bytes:
    # A lone surrogate is no Unicode text, but may stand in a request.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
