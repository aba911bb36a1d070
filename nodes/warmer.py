"""A TierCall at another temperature: the same prompts, but not the same answer again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tandem.models.tier import Completion, Prompt, TierCall, ToolCall
from tandem.records import Attempt, ErrorInfo, Message, TierName


@dataclass(frozen=True)
class Warmer:
    """`inner`, whose prompts are decoded at `temperature` at least."""

    inner: TierCall
    temperature: float

    @property
    def name(self) -> TierName:
        """See TierCall."""
        return self.inner.name

    @property
    def native_tools(self) -> bool:
        """See TierCall."""
        return self.inner.native_tools

    @property
    def context_tokens(self) -> int:
        """See TierCall."""
        return self.inner.context_tokens

    def complete(self, prompt: Prompt) -> Completion:
        """See TierCall."""
        warm = max(prompt.temperature, self.temperature)
        return self.inner.complete(replace(prompt, temperature=warm))

    def choose_calls(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], max_tokens: int
    ) -> list[ToolCall]:
        """See TierCall; tools are chosen at the tier's own temperature."""
        return self.inner.choose_calls(messages, tools, max_tokens)

    def attempt(
        self,
        output: Any,
        *,
        signals: Mapping[str, float] | None = None,
        error: ErrorInfo | None = None,
    ) -> Attempt:
        """See TierCall."""
        return self.inner.attempt(output, signals=signals, error=error)
