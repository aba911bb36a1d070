"""What `tandem` told, and what every message of an error has in common."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SECRET = "QUINCE"
"""A word of every request; it must stand in no message."""
INVALID, ERROR, FAILED = 2, 1, 4


@dataclass
class Told:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Told]


def check(told: Told, code: int, *words: str) -> None:
    assert told.code == code, told
    assert "Traceback" not in told.err
    assert SECRET not in told.out + told.err
    (message,) = re.findall(r"^error: (.+)$", told.err, re.MULTILINE)
    assert len(message) < 600
    for word in words:
        assert word in message
