"""One call of a model, whatever log it stood in."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


class Unreadable(Exception):
    """A record cannot become a row, for the reason given, which holds no text of the log."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """A call. Its texts live in memory only: no part of a report is made of them but single words
    that many rows share.

    Parameters
    ----------
    when: UTC; None: the log does not say.
    prompt_texts: all that the prompt holds, packed; empty: `text` and `system` are all of it.
    unread: characters of it that are not kept, so that nobody looks for sensitive data in them.
    prompt: hash of the system prompt; empty: there was none.
    text: what the user sent last, long ones without their middle.
    system: the system prompt, likewise.
    input_tokens, output_tokens: None: neither counted nor to be estimated from a text.
    estimated: whether a number of tokens is an estimate (four characters a token).
    provider: as the log names it; may be empty.
    cost: the log's own; None: it has none.
    currency: of `cost`; empty: the log does not say.
    seconds: from sending to the whole answer.
    error: whether the call failed.
    task, sensitivity, complexity, latency: what the log declares or Tandem's ledger knows.
    local: Tandem tried it without the LLM first (ledger only).
    """

    when: datetime | None
    prompt: str
    text: str = field(repr=False)
    system: str = field(repr=False)
    input_tokens: int | None
    output_tokens: int | None
    estimated: bool
    model: str
    provider: str = ""
    cost: float | None = None
    currency: str = ""
    seconds: float | None = None
    error: bool = False
    tenant: str = ""
    task: str = ""
    sensitivity: str = ""
    complexity: float | None = None
    latency: str = ""
    local: bool = False
    prompt_texts: bytes = field(default=b"", repr=False)
    unread: int = 0

    @property
    def texts(self) -> list[str]:
        """What is to be searched for sensitive data; the user's last words come first."""
        if not self.prompt_texts:
            return [self.text, self.system]
        told: list[str] = json.loads(zlib.decompress(self.prompt_texts))
        return told


def packed(texts: Sequence[str]) -> bytes:
    """For `LogRow.prompt_texts`: many rows are kept, and few of them are read more than once."""
    return zlib.compress(json.dumps(texts).encode("ascii"), 1)
