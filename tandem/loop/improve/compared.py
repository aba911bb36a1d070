"""By what a comparison is known again: looked at once more, it is no other."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Final

from tandem.loop.improve.dealing import Dealt

_BYTES: Final = 8


def compared_sum(dealt: Dealt, *, tuned: bool) -> str:
    """A short hash of what makes a comparison: the rows that teach, certify and judge, and whether
    an adapter may be among the candidates."""
    names = dealt.rows.names
    parts = [
        sorted((dealt.rows.texts[row], names[int(dealt.rows.labels[row])]) for row in part)
        for part in dealt.parts
    ]
    told = json.dumps([parts, tuned]).encode("utf-8", "replace")
    return blake2b(told, digest_size=_BYTES, key=b"compared").hexdigest()
