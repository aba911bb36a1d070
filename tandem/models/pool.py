"""The tiers: chains of models, each behind the guard and its own circuit breaker.

A TierPool belongs to a process. It makes each model's endpoint once, so that tiers and tasks that
share a model share its connections and its breaker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tandem.errors import (
    Cancelled,
    DeadlineExceeded,
    InvalidRequest,
    ModelError,
    ModelUnavailable,
)
from tandem.models.attempts import AnsweredCall, CallLog
from tandem.models.breaker import CircuitBreaker
from tandem.models.call import CallError
from tandem.models.endpoint import Ask, ModelEndpoint, Reply, Servers
from tandem.models.guarded import Guard
from tandem.models.presets import apply_preset
from tandem.models.prices import tariff
from tandem.models.tier import CallContext, Completion, Prompt, ToolCall
from tandem.models.toolcalls import calls_schema, read_calls
from tandem.models.window import too_long
from tandem.records import Attempt, ErrorInfo, Message, TierName, Usage
from tandem.settings import Model, Settings

_Failed = tuple[ModelEndpoint, CallError]


class TierPool:
    """All tiers of a process. Safe for use by threads; nothing is connected before the first call.

    Raises
    ------
    SettingsError: a preset or a price of a model that is named somewhere is unknown.
    """

    def __init__(self, settings: Settings, servers: Servers, guard: Guard) -> None:
        self._settings: Final = settings
        self._servers: Final = servers
        self._guard: Final = guard
        self._lock = threading.Lock()
        self._endpoints: dict[str, ModelEndpoint] = {}
        self._breakers: dict[str, CircuitBreaker] = {}

    def tier(self, name: TierName, task: str = "") -> ChainTier:
        """The tier `name`, with the models that `task` has of its own."""
        chain = self._settings.chain(name, task)
        with self._lock:
            return ChainTier(name, tuple(self._endpoint(model) for model in chain))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for endpoint in self._endpoints.values():
                endpoint.close()

    def _endpoint(self, name: str) -> ModelEndpoint:
        if name not in self._endpoints:
            model = apply_preset(self._settings.models[name])
            self._endpoints[name] = ModelEndpoint(
                name=name,
                model=model,
                limits=self._settings.limits,
                servers=self._servers,
                guard=self._guard,
                tariff=tariff(model.price),
                breaker=self._breaker(name, model),
            )
        return self._endpoints[name]

    def _breaker(self, name: str, model: Model) -> CircuitBreaker:
        # Two models of one server fail together.
        limits = self._settings.limits
        made = CircuitBreaker(limits.breaker_failures, limits.breaker_reset_s)
        return self._breakers.setdefault(model.url or name, made)


@dataclass(frozen=True)
class ChainTier:
    """A Tier: models in the order in which they are tried."""

    name: TierName
    endpoints: tuple[ModelEndpoint, ...]

    @property
    def private(self) -> bool:
        """Whether every model that may answer for this tier is private."""
        return all(endpoint.model.private for endpoint in self.endpoints)

    def bind(self, context: CallContext) -> BoundTier:
        """The tier for one attempt."""
        return BoundTier(self, context)

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        """What `usage` and `seconds` of work cost at the first model's prices."""
        return self.endpoints[0].tariff.cost(usage, seconds)


class BoundTier:
    """A TierCall: a tier bound to one attempt; counts all calls. Safe for use by threads."""

    def __init__(self, tier: ChainTier, context: CallContext) -> None:
        self._tier: Final = tier
        self._context: Final = context
        self._log: Final = CallLog(tier.name, context.purpose)

    @property
    def name(self) -> TierName:
        """The tier's name."""
        return self._tier.name

    @property
    def native_tools(self) -> bool:
        """Whether the first model of the chain makes native tool calls."""
        return self._tier.endpoints[0].model.native_tools

    @property
    def context_tokens(self) -> int:
        """Context window, in tokens, of the first model of the chain."""
        return self._tier.endpoints[0].model.context

    def complete(self, prompt: Prompt) -> Completion:
        """Ask the first model of the chain that answers; see `TierCall.complete`."""
        _check_form(prompt)
        return self._ask(Ask(prompt, self._context, listen=self._context.on_token))[1]

    def choose_calls(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        max_tokens: int,
    ) -> list[ToolCall]:
        """Tool calls that the model wants; see `TierCall.choose_calls`."""
        free = Prompt(messages, max_tokens)
        constrained = replace(free, schema=calls_schema(tools))
        names = {tool["name"] for tool in tools}
        reply, completion = self._ask(Ask(free, self._context, constrained, tools))
        if reply.raw.tool_calls:
            return list(reply.raw.tool_calls)
        calls = read_calls(completion.text, names)
        if calls is None:
            # Nothing readable is no "no": ask once more where only calls or "none" can be said.
            completion = self._ask(Ask(constrained, self._context))[1]
            calls = read_calls(completion.text, names)
        if calls is None:
            raise ModelError(
                f"{completion.model} chose tools in a form that cannot be read.",
                "Allow more tokens, or name a model that makes native tool calls.",
            )
        return calls

    def attempt(
        self,
        output: Any,
        *,
        signals: Mapping[str, float] | None = None,
        error: ErrorInfo | None = None,
    ) -> Attempt:
        """The Attempt made of all calls so far; only answered calls are counted and charged."""
        return self._log.attempt(output, signals, error)

    def _ask(self, ask: Ask) -> tuple[Reply, Completion]:
        started = time.perf_counter()
        try:
            endpoint, reply = self._first_answer(ask)
        finally:
            self._log.spend(time.perf_counter() - started)
        raw = reply.raw
        completion = Completion(
            text=raw.text,
            model=raw.model,
            finish=raw.finish,
            usage=raw.usage,
            seconds=reply.seconds,
            cost=endpoint.tariff.cost(raw.usage, reply.seconds),
            tokens=raw.tokens,
        )
        self._log.add(
            AnsweredCall(
                raw.text, raw.model, raw.finish, raw.usage, completion.cost, notes=raw.notes
            )
        )
        return reply, completion

    def _first_answer(self, ask: Ask) -> tuple[ModelEndpoint, Reply]:
        failed: list[_Failed] = []
        for endpoint in self._tier.endpoints:
            try:
                return endpoint, endpoint.call(ask)
            except CallError as failure:
                if failure.kind == "cancelled":
                    raise _cancelled() from None
                if failure.kind == "deadline":
                    raise _deadline(self.name, endpoint) from None
                if failure.kind == "too_long":
                    raise too_long(endpoint.name, endpoint.model.context) from None
                failed.append((endpoint, failure))
                if ask.told:
                    break
        raise _unavailable(self.name, failed)


def _check_form(prompt: Prompt) -> None:
    if prompt.schema is not None and prompt.choices is not None:
        raise InvalidRequest("A prompt has both a schema and choices.", "Give one of them.")
    if prompt.choices is not None and (not prompt.choices or not all(prompt.choices)):
        raise InvalidRequest("A prompt's choices are empty.", "Give at least one text.")


def _deadline(tier: TierName, endpoint: ModelEndpoint) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"The time allowed ran out while {endpoint.name} ({tier}) was working; nothing is charged.",
        "Allow more time, or ask for less.",
    )


def _cancelled() -> Cancelled:
    return Cancelled("The caller cancelled the request; what broke off is not charged.")


def _unavailable(tier: TierName, failed: Sequence[_Failed]) -> ModelUnavailable:
    causes = "; ".join(f"{endpoint.name}: {failure.cause}" for endpoint, failure in failed)
    variables = sorted(
        endpoint.model.api_key_env or "(api_key_env is not set)"
        for endpoint, failure in failed
        if failure.kind == "denied"
    )
    remedy = f"Check the key in {', '.join(variables)}." if variables else ""
    return ModelUnavailable(
        f"No model of the {tier} tier answered ({causes}); nothing is charged.",
        remedy or "Run `tandem doctor` to see what is down, then ask again.",
    )
