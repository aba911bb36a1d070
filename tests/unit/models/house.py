"""A pool over loopback servers, with a fake guard and fake embedded servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.models.pool import BoundTier, TierPool
from tandem.models.tier import CallContext, Prompt
from tandem.privacy.redaction import Vault
from tandem.records import Message, Profile
from tandem.settings import Settings

SECRET = "Alice Adams owes 12 pounds"
PROFILE: Profile = {
    "task": "draft",
    "task_confidence": 1.0,
    "complexity": None,
    "sensitivity": "none",
    "evidence": [],
    "latency": "async",
    "deadline_ms": None,
    "quality": None,
    "tenant": "",
    "reasons": [],
}
TOOL = {
    "name": "add",
    "description": "adds numbers",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
}
ASKED: list[Message] = [{"role": "user", "content": SECRET}]


@dataclass
class Address:
    url: str
    api_key: str = ""
    adapters: tuple[str, ...] = ()


@dataclass
class FakeServers:
    """Gives `addresses` in turn: the next one after each `invalidate`."""

    addresses: list[Address | Exception] = field(default_factory=list)
    invalidated: list[str] = field(default_factory=list)
    others: list[Address] = field(default_factory=list)
    """Servers that run as well."""

    def holding(self, model_name: str, adapter: str) -> Address | None:
        return next((one for one in self.others if adapter in one.adapters), None)

    def endpoint(self, model_name: str, deadline: float = 0.0) -> Address:
        found = self.addresses[min(len(self.invalidated), len(self.addresses) - 1)]
        if isinstance(found, Exception):
            raise found
        return found

    def invalidate(self, model_name: str) -> None:
        self.invalidated.append(model_name)


@dataclass
class FakeGuard:
    rule: Callable[[str], str] = str
    seen: list[tuple[str, str]] = field(default_factory=list)

    def release(self, text: str, profile: Profile, outlet: str) -> str:
        assert profile is PROFILE
        self.seen.append((outlet, text))
        return self.rule(text)

    def release_all(
        self, texts: Sequence[str], profile: Profile, outlet: str, vault: Vault
    ) -> list[str]:
        assert vault.empty
        return [self.release(text, profile, outlet) for text in texts]


@dataclass
class House:
    """Pools that are closed after the test."""

    servers: FakeServers = field(default_factory=FakeServers)
    guard: FakeGuard = field(default_factory=FakeGuard)
    pools: list[TierPool] = field(default_factory=list)

    def pool(self, models: dict[str, dict[str, Any]], **limits: Any) -> TierPool:
        names = list(models)
        settings = Settings.model_validate(
            {
                "models": {name: model_of(**fields) for name, fields in models.items()},
                "tiers": {"slm": {"model": names[0], "stand_ins": names[1:]}},
                "limits": {"retries": 0, **limits},
                "privacy": {"stand_ins_may_be_less_private": True},
            }
        )
        self.pools.append(TierPool(settings, self.servers, self.guard))
        return self.pools[-1]

    def bind(self, models: dict[str, dict[str, Any]], **limits: Any) -> BoundTier:
        return self.pool(models, **limits).tier("slm").bind(context())


def model_of(**fields: Any) -> dict[str, Any]:
    return {
        "backend": "huggingface",
        "dialect": "llamacpp",
        "model": "m",
        "private": True,
        **fields,
    }


def context(seconds: float = 5.0, **fields: Any) -> CallContext:
    return CallContext(PROFILE, time.time() + seconds, **fields)


def prompt(**fields: Any) -> Prompt:
    return Prompt(ASKED, 60, **fields)
