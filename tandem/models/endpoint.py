"""One model of the settings as an endpoint: its client, its circuit breaker, its retries."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from tandem.errors import EgressBlocked, TandemError
from tandem.models.breaker import CircuitBreaker
from tandem.models.call import CallError, FailureKind, check
from tandem.models.cancel import pause
from tandem.models.client import Client, RawReply
from tandem.models.guarded import Guard, GuardedClient
from tandem.models.prices import Tariff
from tandem.models.tier import CallContext, Prompt
from tandem.models.window import check_window
from tandem.settings import Limits, Model

_FIRST_PAUSE_S: Final = 0.2
_RETRIED: Final[frozenset[FailureKind]] = frozenset({"unreachable", "busy", "broken"})
_COUNTED: Final[frozenset[FailureKind]] = frozenset({"unreachable", "busy", "broken", "down"})
"""What opens the breaker; a wrong key, a refused prompt or a short deadline do not."""


class Address(Protocol):
    """Where a server listens."""

    @property
    def url(self) -> str:
        """Base URL."""
        ...

    @property
    def api_key(self) -> str:
        """The key that it wants; empty for none."""
        ...

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the adapters that it holds, in the order of their ids."""
        ...


class Servers(Protocol):
    """The embedded servers; see tandem/models/embedded.py."""

    def endpoint(self, model_name: str, deadline: float) -> Address:
        """Where `model_name` (a key of the settings) listens; started if need be, but not waited
        for beyond `deadline` (Unix time, seconds)."""
        ...

    def holding(self, model_name: str, adapter: str) -> Address | None:
        """A server of `model_name` that runs and holds `adapter`; None where there is none."""
        ...

    def invalidate(self, model_name: str) -> None:
        """Its server does not answer: look again, and start it anew, at the next `endpoint`."""
        ...


@dataclass
class Ask:
    """One question as it goes along the chain of models."""

    prompt: Prompt
    context: CallContext
    constrained: Prompt | None = None
    """What a model without native tool calls is asked, where `tools` are offered."""
    tools: Sequence[Mapping[str, Any]] = ()
    listen: Callable[[str], None] | None = None
    told: bool = False
    """Part of an answer has gone to the listener: no second one may follow it."""

    def tell(self, text: str) -> None:
        """Hand streamed text on."""
        if self.listen is not None:
            self.told = True
            self.listen(text)


class _Address(NamedTuple):
    url: str
    api_key: str
    adapters: tuple[str, ...]


@dataclass(frozen=True)
class Reply:
    """An answered call, and how long it took (wall seconds)."""

    raw: RawReply
    seconds: float


class ModelEndpoint:
    """A model, reachable. Safe for use by threads."""

    def __init__(
        self,
        *,
        name: str,
        model: Model,
        limits: Limits,
        servers: Servers,
        guard: Guard,
        tariff: Tariff,
        breaker: CircuitBreaker,
    ) -> None:
        self.name: Final = name
        self.model: Final = model
        self.tariff: Final = tariff
        self._limits = limits
        self._servers = servers
        self._guard = guard
        self._breaker = breaker
        self._lock = threading.Lock()
        self._client: tuple[tuple[str, str], GuardedClient] | None = None

    def call(self, ask: Ask) -> Reply:
        """Ask this model, with retries.

        Raises
        ------
        CallError: it gave no answer.
        PromptTooLong, EgressBlocked: it was not asked.
        """
        if ask.context.private_only and not self.model.private:
            raise EgressBlocked(
                f"Nothing was sent to model {self.name}, which is not private: this run is private "
                "only.",
                "Name a private model for the tier, or run without private_only.",
            )
        prompt, tools = self._shape(ask)
        check_window(prompt, self.model.context, self.name, tuple(tools))
        if not self._breaker.allow():
            raise CallError("open", "its circuit breaker is open after repeated failures")
        try:
            reply = self._try(ask, prompt, tools)
        except CallError as failure:
            if failure.kind in _COUNTED:
                self._breaker.failed()
            raise
        self._breaker.succeeded()
        return reply

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None:
                self._client[1].client.close()
                self._client = None

    def _shape(self, ask: Ask) -> tuple[Prompt, Sequence[Mapping[str, Any]]]:
        if ask.constrained is None or (self.model.native_tools and ask.tools):
            return ask.prompt, ask.tools
        return ask.constrained, ()

    def _try(self, ask: Ask, prompt: Prompt, tools: Sequence[Mapping[str, Any]]) -> Reply:
        embedded = self.model.backend == "embedded"
        # An embedded server that died is started anew, whatever the retries.
        allowed = max(self._limits.retries, 1) if embedded else self._limits.retries
        for tried in range(allowed + 1):
            try:
                return self._once(ask, prompt, tools)
            except CallError as failure:
                if embedded and failure.kind in ("unreachable", "broken"):
                    self._servers.invalidate(self.name)
                if failure.kind not in _RETRIED or ask.told or tried == allowed:
                    raise
                _pause(tried, failure, ask.context.deadline)
        raise AssertionError("unreachable: the last try returns or raises")

    def _once(self, ask: Ask, prompt: Prompt, tools: Sequence[Mapping[str, Any]]) -> Reply:
        context = ask.context
        check(context.deadline)  # No server is started for an answer that nobody waits for.
        address = self._address(context.deadline, prompt.adapter)
        extra = adapter_fields(prompt, self.model, address.adapters, self.name)
        client = self._connected(address)
        listen = ask.tell if ask.listen is not None else None
        started = time.perf_counter()
        raw = client.stream(
            prompt, context.profile, context.deadline, listen, tools, context.vault, extra
        )
        return Reply(raw, time.perf_counter() - started)

    def _connected(self, address: _Address) -> GuardedClient:
        """The client; made anew only where the address changed. The old one may be at work: it is
        closed by whoever drops it last."""
        known = (address.url, address.api_key)
        with self._lock:
            if self._client is None or self._client[0] != known:
                self._client = (known, self._connect(*known))
            return self._client[1]

    def _address(self, deadline: float, adapter: str) -> _Address:
        if self.model.backend != "embedded":
            return _Address(self.model.url, self._key(), self.model.adapters)
        try:
            found = self._servers.endpoint(self.name, deadline)
            if adapter and adapter not in found.adapters:
                # Another came into force meanwhile: the request ends where it was written for.
                found = self._servers.holding(self.name, adapter) or found
        except TandemError as error:
            check(deadline)
            raise CallError("down", f"its server does not run: {error}") from None
        return _Address(found.url, found.api_key, found.adapters)

    def _key(self) -> str:
        variable = self.model.api_key_env
        key = os.environ.get(variable, "") if variable else ""
        if variable and not key:
            raise CallError("denied", f"the environment variable {variable} is not set")
        return key

    def _connect(self, url: str, api_key: str) -> GuardedClient:
        from tandem.models.llm import openai_client
        from tandem.models.slm import hugging_face_client

        make = openai_client if self.model.backend == "openai" else hugging_face_client
        client: Client = make(
            url=url,
            api_key=api_key,
            model=self.model.model,
            dialect=self.model.dialect,
            connect_s=self._limits.connect_s,
            own_grammars=self.model.backend == "embedded",
        )
        return GuardedClient(client, self._guard, self.model.private, f"model {self.name}")


def adapter_fields(prompt: Prompt, model: Model, held: Sequence[str], name: str) -> dict[str, Any]:
    """Body fields that choose the prompt's adapter, or the base model.

    Every request says it for every adapter: an empty list is taken as "whatever was set before".

    Raises
    ------
    CallError: the model does not hold the adapter that the prompt was written for.
    """
    if prompt.adapter and prompt.adapter not in held:
        raise CallError("refused", f"{name} does not hold the adapter {prompt.adapter}")
    if not held:
        return {}
    if model.dialect == "vllm":
        return {"model": prompt.adapter} if prompt.adapter else {}
    return {
        "lora": [
            {"id": at, "scale": 1.0 if adapter == prompt.adapter else 0.0}
            for at, adapter in enumerate(held)
        ]
    }


def _pause(tried: int, failure: CallError, deadline: float) -> None:
    """Wait before the next try; raise `failure` where the time left does not allow it."""
    backoff = _FIRST_PAUSE_S * 2**tried * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
    seconds = max(backoff, failure.retry_after)
    if time.time() + seconds >= deadline:
        raise failure
    pause(seconds)
