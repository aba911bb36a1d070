"""A client behind the guard: nothing reaches a model that is not private without its consent.

It is the only door: retries, stand-ins and tool choices all pass here, each time, and whatever goes
wrong in the guard keeps the door shut. What the guard redacted is restored here as well, so that
gates, ledger and listeners see the original.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tandem.errors import EgressBlocked
from tandem.models.client import NOTHING, Client, RawReply
from tandem.models.restoring import restored
from tandem.models.tier import Prompt
from tandem.privacy.redaction import StreamRestorer, Vault
from tandem.records import Message, Profile


class Guard(Protocol):
    """Decides what may leave; see tandem/privacy/egress.py."""

    def release(self, text: str, profile: Profile, outlet: str) -> str:
        """`text` as it may leave through `outlet`.

        Raises
        ------
        EgressBlocked: it may not.
        """
        ...

    def release_all(
        self, texts: Sequence[str], profile: Profile, outlet: str, vault: Vault
    ) -> list[str]:
        """`texts` as they may leave together; what was redacted is in `vault`. Raises as
        `release`."""
        ...


@dataclass(frozen=True)
class GuardedClient:
    """A client that asks the guard before each call, unless the model is private."""

    client: Client
    guard: Guard
    private: bool
    outlet: str

    def stream(
        self,
        prompt: Prompt,
        profile: Profile,
        deadline: float,
        on_token: Callable[[str], None] | None = None,
        tools: Sequence[Mapping[str, Any]] = (),
        vault: Vault | None = None,
        extra: Mapping[str, Any] = NOTHING,
    ) -> RawReply:
        """As `Client.stream`; what the guard redacted is restored in the reply and in the tokens.

        `vault` holds the placeholders of the run.

        Raises
        ------
        CallError: no whole answer came.
        EgressBlocked: the guard refused, or failed.
        """
        if self.private:
            return self.client.stream(prompt, deadline, on_token, tools, extra)
        vault = vault or Vault()
        prompt = self._released(prompt, profile, tools, vault)
        if on_token is None:
            return restored(self.client.stream(prompt, deadline, None, tools, extra), prompt, vault)
        restorer = StreamRestorer(vault, on_token, True if prompt.schema is not None else None)
        raw = self.client.stream(prompt, deadline, restorer.feed, tools, extra)
        restorer.end()
        return restored(raw, prompt, vault)

    def _released(
        self, prompt: Prompt, profile: Profile, tools: Sequence[Mapping[str, Any]], vault: Vault
    ) -> Prompt:
        contents = [message["content"] for message in prompt.messages]
        released = self._asked(
            lambda: self.guard.release_all(contents, profile, self.outlet, vault), len(contents)
        )
        # The guard may rewrite a message, but not a constraint: the answer would not fit any more.
        fixed = "\n".join(_strings([prompt.schema, prompt.choices, tools]))
        if fixed:
            kept = self._asked(lambda: [self.guard.release(fixed, profile, self.outlet)], 1)
            if kept != [fixed] or vault.knows(fixed):
                raise EgressBlocked(
                    f"The schema, labels or tools hold what may not leave for {self.outlet}.",
                    "Take it out of them, or use a private model.",
                )
        messages: list[Message] = [
            {"role": message["role"], "content": content}
            for message, content in zip(prompt.messages, released, strict=True)
        ]
        return replace(prompt, messages=messages)

    def _asked(self, ask: Callable[[], list[str]], number: int) -> list[str]:
        """What the guard released: so many texts, or nothing leaves."""
        try:
            released = ask()
        except EgressBlocked:
            raise
        except Exception as error:
            raise EgressBlocked(
                f"The guard failed ({type(error).__name__}), so nothing was sent to {self.outlet}.",
                "Use a private model, or report the error.",
            ) from None
        if len(released) != number or not all(isinstance(text, str) for text in released):
            raise EgressBlocked(f"The guard released no text for {self.outlet}.")
        return released


def _strings(value: Any) -> Iterator[str]:
    """All strings and numbers in a JSON-like value, keys included: a number may be a card's."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)
