"""One call of a model, whatever log it stood in."""

from __future__ import annotations

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
