"""How often rows have judged: comparison after comparison on the same rows finds a difference where
there is none some day. Each is therefore decided at a smaller level than the one before.

The k-th comparison of a series may err in LEVEL / (k (k + 1)); over a series of any length these
come to LEVEL. A series is of one slot, and ends when at least as many judging rows are new since
its first comparison as are not: rows that come a few at a time end it too. The same comparison,
looked at again, is no other: it keeps its number.

Source: Foster and Stine (2008), Alpha-investing; this is its plainest case, a fixed spending.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, Final

from tandem.quality.calibration.examples import same_key

LEVEL: Final = 0.05
"""How often a series may put in force what is no better, or call no worse what is."""
_BYTES: Final = 8


@dataclass(frozen=True)
class Series:
    """The comparisons of a slot on rows that overlap.

    Parameters
    ----------
    tries: how many there were. last: the sum of what the last one compared.
    judged: keyed hashes of the texts that judged; no text. key: theirs, in hex.
    first: those of its first comparison.
    """

    tries: int = 0
    last: str = ""
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    judged: frozenset[str] = frozenset()
    first: frozenset[str] = frozenset()

    @property
    def level(self) -> float:
        """How often the comparison under way may err."""
        return LEVEL / (self.tries * (self.tries + 1))

    def knows(self, texts: Iterable[str]) -> int:
        """How many of `texts` judged in it already."""
        return len({self._hash(same_key(text)) for text in texts} & self.judged)

    def then(self, compared: str, texts: Iterable[str]) -> Series:
        """The series with one more comparison, of `compared`, judged by `texts`."""
        keys = {same_key(text) for text in texts}
        hashes = {self._hash(key) for key in keys}
        if compared == self.last and hashes <= self.judged:
            return self
        if self.tries and len(hashes - self.first) >= len(hashes & self.first):
            return Series().then(compared, keys)
        first = self.first if self.tries else frozenset(hashes)
        return Series(self.tries + 1, compared, self.key, self.judged | hashes, first)

    def told(self) -> dict[str, Any]:
        """JSON-plain."""
        return {**asdict(self), "judged": sorted(self.judged), "first": sorted(self.first)}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Series:
        """From what `told` gave. Raises KeyError, TypeError, ValueError where it is none."""
        judged = frozenset(map(str, told["judged"]))
        first = frozenset(map(str, told.get("first", judged)))
        bytes.fromhex(told["key"])
        return cls(int(told["tries"]), str(told["last"]), str(told["key"]), judged, first)

    def _hash(self, text: str) -> str:
        told = text.encode("utf-8", "replace")
        return blake2b(told, digest_size=_BYTES, key=bytes.fromhex(self.key)).hexdigest()
