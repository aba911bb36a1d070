"""From what a log's record says to a row: numbers, tokens, hashes, and what is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from tandem.loop.audit.numbers import Numbers
from tandem.loop.audit.options import Options
from tandem.loop.audit.row import LogRow, Unreadable, packed
from tandem.loop.audit.times import Clock
from tandem.nodes.texts import CUT_MARK
from tandem.records import SENSITIVITIES

CHARS_A_TOKEN: Final = 4
"""English text, by OpenAI's rule of thumb; where a log counts tokens, its count goes."""
_LEAST_CHARS: Final = 100
_IDENTIFIER: Final = re.compile(r"[\w./:@+-]{1,80}")
_DIGITS: Final = re.compile(r"\d+")
_SPACES: Final = re.compile(r"\s+")


@dataclass
class Draft:
    """What a record says, as it says it."""

    when: Any = None
    text: str = ""
    system: str = ""
    others: Sequence[str] = ()
    """All else of the prompt, the latest first."""
    input_chars: int | None = None
    """Of the whole prompt; None: those of `text` and `system`."""
    output_chars: int | None = None
    input_tokens: Any = None
    output_tokens: Any = None
    model: Any = ""
    provider: Any = ""
    cost: Any = None
    currency: Any = ""
    seconds: Any = None
    milliseconds: Any = None
    """In place of `seconds`."""
    ended: Any = None
    """When it ended, where neither is told."""
    error: Any = False
    tenant: Any = ""
    task: Any = ""
    sensitivity: Any = ""
    complexity: Any = None
    latency: Any = ""
    local: bool = False

    @property
    def numbers(self) -> tuple[Any, ...]:
        """All that it says in numbers."""
        told = (self.cost, self.seconds, self.milliseconds, self.complexity)
        return (*told, self.input_tokens, self.output_tokens)


def finished(draft: Draft, clock: Clock, numbers: Numbers, where: str, options: Options) -> LogRow:
    """The row of `draft`; `where` names its place for errors.

    Raises
    ------
    Unreadable: a field has no value of its kind.
    InvalidRequest: see Clock.
    """
    when = _moment(draft.when, "when", clock, where)
    seconds = _seconds(draft, numbers)
    if seconds is None and when and (ended := _moment(draft.ended, "end", clock, where)):
        seconds = (ended - when).total_seconds()
    tokens_in = numbers.number(draft.input_tokens, "input_tokens")
    tokens_out = numbers.number(draft.output_tokens, "output_tokens")
    cost, currency = numbers.amount(draft.cost, draft.currency)
    chars_in = draft.input_chars
    if chars_in is None and (draft.text or draft.system):
        chars_in = len(draft.text) + len(draft.system)
    text, system = _cut(draft.text, options.kept_chars), _cut(draft.system, options.kept_chars)
    whole, unread = bounded([draft.text, draft.system, *draft.others], options.looked_chars)
    return LogRow(
        when=when,
        prompt=prompt_hash(draft.system),
        text=text,
        system=system,
        prompt_texts=b"" if whole == [text, system] else packed(whole),
        unread=unread,
        input_tokens=_tokens(tokens_in, chars_in),
        output_tokens=_tokens(tokens_out, draft.output_chars),
        estimated=(tokens_in is None and chars_in is not None)
        or (tokens_out is None and draft.output_chars is not None),
        model=_identifier(draft.model),
        provider=_identifier(draft.provider),
        cost=cost,
        currency=currency,
        seconds=None if seconds is None or seconds < 0 else seconds,
        error=_failed(draft.error),
        tenant=str(draft.tenant or ""),
        task=_identifier(draft.task),
        sensitivity=draft.sensitivity if draft.sensitivity in SENSITIVITIES else "",
        complexity=numbers.number(draft.complexity, "complexity"),
        latency=draft.latency if draft.latency in ("realtime", "async") else "",
        local=draft.local,
    )


def prompt_hash(system: str) -> str:
    """The first 8 hex digits of SHA-256 over the system prompt, empty of none.

    Numbers count as the same number and runs of blanks as one, so that a date or a customer's
    number in a template makes no new prompt.
    """
    plain = _SPACES.sub(" ", _DIGITS.sub("0", system)).strip()
    return sha256(plain.encode("utf-8", "replace")).hexdigest()[:8] if plain else ""


def _seconds(draft: Draft, numbers: Numbers) -> float | None:
    seconds = numbers.number(draft.seconds, "seconds")
    if seconds is not None:
        return seconds
    milliseconds = numbers.number(draft.milliseconds, "milliseconds")
    return None if milliseconds is None else milliseconds / 1000


def _moment(value: Any, name: str, clock: Clock, where: str) -> Any:
    try:
        return clock.read(value, where)
    except ValueError:
        raise Unreadable(f"field `{name}` is no time") from None


def _tokens(counted: float | None, chars: int | None) -> int | None:
    if counted is not None:
        return round(counted)
    return None if chars is None else math.ceil(chars / CHARS_A_TOKEN)


def _failed(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in {"", "0", "false", "no", "none", "null", "success"}
    return bool(value)


def _identifier(value: Any) -> str:
    """A name that may stand in a report; a text in its place, which may say anything, is none."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    return text if _IDENTIFIER.fullmatch(text) else ""


def bounded(texts: Sequence[str], most: int) -> tuple[list[str], int]:
    """So much of `texts` as `most` characters hold, the first ones first, and how many characters
    are left out."""
    kept, left = [], most
    for text in texts:
        taken = _cut(text, left) if left >= _LEAST_CHARS or len(text) <= left else ""
        kept.append(taken)
        left -= min(len(text), left) if taken else 0
    return kept, sum(map(len, texts)) - (most - left)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}{CUT_MARK}{text[-half:]}"
