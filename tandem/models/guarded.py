"""A client behind the guard: nothing reaches a model that is not private without its consent.

It is the only door: retries, stand-ins and tool choices all pass here, each time, and whatever goes
wrong in the guard keeps the door shut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from tandem.errors import EgressBlocked
from tandem.models.client import Client, RawReply
from tandem.models.tier import Prompt
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
    ) -> RawReply:
        """As `Client.stream`.

        Raises
        ------
        CallError: no whole answer came.
        EgressBlocked: the guard refused, or failed.
        """
        if not self.private:
            prompt = self._released(prompt, profile, tools)
        return self.client.stream(prompt, deadline, on_token, tools)

    def _released(
        self, prompt: Prompt, profile: Profile, tools: Sequence[Mapping[str, Any]]
    ) -> Prompt:
        messages: list[Message] = [
            {"role": message["role"], "content": self._release(message["content"], profile)}
            for message in prompt.messages
        ]
        # The guard may rewrite a message, but not a constraint: the answer would not fit any more.
        fixed = "\n".join(_strings([prompt.schema, prompt.choices, tools]))
        if fixed and self._release(fixed, profile) != fixed:
            raise EgressBlocked(
                f"The schema, labels or tools hold what may not leave for {self.outlet}.",
                "Take it out of them, or use a private model.",
            )
        return replace(prompt, messages=messages)

    def _release(self, text: str, profile: Profile) -> str:
        try:
            released = self.guard.release(text, profile, self.outlet)
        except EgressBlocked:
            raise
        except Exception as error:
            raise EgressBlocked(
                f"The guard failed ({type(error).__name__}), so nothing was sent to {self.outlet}.",
                "Use a private model, or report the error.",
            ) from None
        if not isinstance(released, str):
            raise EgressBlocked(f"The guard released no text for {self.outlet}.")
        return released


def _strings(value: Any) -> Iterator[str]:
    """All strings in a JSON-like value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)
