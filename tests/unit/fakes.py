"""Fakes for unit tests: a tier that answers with what the test gave it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.models.tier import Completion, Prompt, Token, ToolCall
from tandem.records import Attempt, ErrorInfo, Message, Purpose, TierName


@dataclass
class FakeTierCall:
    """A TierCall that gives `replies` in order: a text, a Completion, or an exception to raise.

    `prompts` holds every prompt it was given; `calls` the tool choices, each a list of ToolCall or
    an exception. It fails the test where it is asked more often than it has replies.
    """

    replies: Iterable[str | Completion | Exception] = ()
    name: TierName = "slm"
    calls: Iterable[list[ToolCall] | Exception] = ()
    native_tools: bool = False
    context_tokens: int = 8192
    purpose: Purpose = "answer"
    on_token: Callable[[str], None] | None = None
    prompts: list[Prompt] = field(default_factory=list)
    tool_messages: list[list[Message]] = field(default_factory=list)
    done: list[Completion] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._replies = iter(self.replies)
        self._calls = iter(self.calls)

    def complete(self, prompt: Prompt) -> Completion:
        self.prompts.append(prompt)
        reply = next(self._replies, None)
        assert reply is not None, "the fake tier was asked more often than it has replies"
        if isinstance(reply, Exception):
            raise reply
        self.done.append(completion(reply) if isinstance(reply, str) else reply)
        return self.done[-1]

    def choose_calls(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], max_tokens: int
    ) -> list[ToolCall]:
        self.tool_messages.append(list(messages))
        chosen = next(self._calls, None)
        assert chosen is not None, "the fake tier was asked for tools more often than it has calls"
        if isinstance(chosen, Exception):
            raise chosen
        self.done.append(completion("tool calls"))
        return chosen

    def attempt(
        self,
        output: Any,
        *,
        signals: Mapping[str, float] | None = None,
        error: ErrorInfo | None = None,
    ) -> Attempt:
        last = self.done[-1] if self.done else None
        return Attempt(
            id=uuid.uuid4().hex,
            purpose=self.purpose,
            tier=self.name,
            model=last.model if last else "",
            output=output,
            text=last.text if last else "",
            finish=last.finish if last and error is None else "error",
            usage={
                "input_tokens": sum(one.usage["input_tokens"] for one in self.done),
                "output_tokens": sum(one.usage["output_tokens"] for one in self.done),
            },
            calls=len(self.done),
            seconds=sum(one.seconds for one in self.done),
            cost=sum(one.cost for one in self.done),
            signals=dict(signals or {}),
            error=error,
        )


def completion(text: str, *, logprob: float = -0.01, **fields: Any) -> Completion:
    """A Completion of `text`, one token a word (white space kept), each of `logprob`."""
    tokens = tuple(Token(piece, logprob, {piece: logprob}) for piece in _pieces(text))
    given: dict[str, Any] = {
        "model": "fake",
        "finish": "stop",
        "usage": {"input_tokens": 10, "output_tokens": len(tokens)},
        "seconds": 0.01,
        "cost": 0.000001,
        "tokens": tokens,
        **fields,
    }
    return Completion(text=text, **given)


def _pieces(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)
