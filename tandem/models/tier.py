"""What a tier is to whoever uses it: prompts in, completions out, everything counted.

Tasks see only `TierCall`: a tier bound to one attempt, which knows the profile (for the guard),
the deadline, and where streamed tokens go. The implementation is in pool.py; tests bring fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tandem.privacy.redaction import Vault
from tandem.records import Attempt, ErrorInfo, Finish, Message, Profile, Purpose, TierName, Usage


@dataclass(frozen=True)
class Token:
    """A generated token: its text, its log-probability (nats, before any grammar), and the most
    probable tokens at its place."""

    text: str
    logprob: float
    top: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompt:
    """One model call.

    The fixed part comes first in `messages`, so that the server's prompt cache works. At most one
    of `schema` (the answer is JSON of this schema, without white space) and `choices` (the answer
    is one of these texts, verbatim) may be set. Decoding is greedy unless `temperature` says more.
    """

    messages: Sequence[Message]
    max_tokens: int
    schema: Mapping[str, Any] | None = None
    choices: Sequence[str] | None = None
    temperature: float = 0.0
    adapter: str = ""
    """The fine-tuned adapter that the prompt was written for: no model without it may answer."""


@dataclass(frozen=True)
class Completion:
    """What a model answered."""

    text: str
    model: str
    finish: Finish
    usage: Usage
    seconds: float
    cost: float
    tokens: tuple[Token, ...] = ()

    def choice_probabilities(self, choices: Sequence[str]) -> dict[str, float]:
        """Probability of each of `choices` from the answer's tokens; sums to 1.

        See tandem/models/choices.py.
        """
        from tandem.models.choices import choice_probabilities

        return choice_probabilities(self.tokens, choices)


@dataclass(frozen=True)
class CallContext:
    """What every call of one attempt has in common."""

    profile: Profile
    deadline: float
    """Unix time, seconds, after which the answer is of no use."""
    task: str = ""
    run_id: str = ""
    purpose: Purpose = "answer"
    private_only: bool = False
    """No model that is not private may be asked, whatever the guard would say."""
    on_token: Callable[[str], None] | None = None
    """Gets the text as it is generated; None: nobody listens."""
    vault: Vault = field(default_factory=Vault, compare=False)
    """What is redacted for models that are not private, and comes back in their answers."""


class TierCall(Protocol):
    """A tier bound to one attempt."""

    @property
    def name(self) -> TierName: ...

    @property
    def native_tools(self) -> bool:
        """Whether the first model of the chain makes native tool calls."""
        ...

    @property
    def context_tokens(self) -> int:
        """Context window, in tokens, of the first model of the chain."""
        ...

    def complete(self, prompt: Prompt) -> Completion:
        """Ask the model.

        Raises
        ------
        ModelUnavailable, DeadlineExceeded, PromptTooLong: no answer (nothing is charged).
        EgressBlocked: the guard refused to let the prompt leave.
        """
        ...

    def choose_calls(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], max_tokens: int
    ) -> list[ToolCall]:
        """Tool calls that the model wants: natively where it can, else by a constrained schema.

        `tools` are JSON-schema functions: `{"name", "description", "parameters"}`. An empty list
        means that the model said in so many words that no tool fits. Raises as `complete`.
        """
        ...

    def attempt(
        self,
        output: Any,
        *,
        signals: Mapping[str, float] | None = None,
        error: ErrorInfo | None = None,
    ) -> Attempt:
        """The Attempt made of all calls so far, with `output`; usage, seconds and cost summed."""
        ...


@dataclass(frozen=True)
class ToolCall:
    """A tool and its arguments, as the model chose them; not yet validated."""

    name: str
    arguments: Mapping[str, Any]


class Tier(Protocol):
    """A tier: a chain of models behind the guard, one circuit breaker an endpoint."""

    @property
    def name(self) -> TierName: ...

    @property
    def private(self) -> bool:
        """Whether every model that may answer for this tier is private."""
        ...

    def bind(self, context: CallContext) -> TierCall: ...

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        """What `usage` and `seconds` of work cost at the first model's prices (for estimates)."""
        ...
