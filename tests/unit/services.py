"""Services for unit tests: real settings, ledger and guard; tiers that answer with what the test
gave them, behind the guard as the real ones are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tandem.errors import EgressBlocked
from tandem.ledger.store import Ledger
from tandem.models.client import RawReply
from tandem.models.guarded import GuardedClient
from tandem.models.tier import CallContext, Completion, Prompt, Tier
from tandem.records import Document, TierName, Usage
from tandem.routing.head_reader import HeadReader
from tandem.services import Services
from tandem.settings import CalibrationSettings, Settings
from tests.unit.fakes import FakeTierCall

Reply = str | Completion | Exception


@dataclass
class GuardedCall(FakeTierCall):
    """A FakeTierCall behind the door that the real tiers have; `prompts` holds what came through.

    Parameters
    ----------
    guard: None: the tier is private.
    """

    guard: Any = None
    context: CallContext | None = None

    def complete(self, prompt: Prompt) -> Completion:
        if self.guard is None or self.context is None:
            return super().complete(prompt)
        if self.context.private_only:
            raise EgressBlocked(f"Nothing was sent to {self.name}: this run is private only.", "")
        context = self.context
        client: Any = _FakeClient(super().complete)
        door = GuardedClient(client, self.guard, private=False, outlet=f"{self.name}:fake")
        raw = door.stream(prompt, context.profile, context.deadline, vault=context.vault)
        self.done[-1] = replace(self.done[-1], text=raw.text, tokens=raw.tokens)
        return self.done[-1]


@dataclass(frozen=True)
class _FakeClient:
    """A Client that answers with Completions."""

    answer: Callable[[Prompt], Completion]

    def stream(self, prompt: Prompt, *_: Any) -> RawReply:
        done = self.answer(prompt)
        return RawReply(done.text, done.model, done.finish, done.usage, done.tokens)


@dataclass
class FakeTier:
    """A Tier over one queue of replies, whatever number of attempts asks for them."""

    name: TierName
    private: bool
    guard: Any
    replies: Iterable[Reply]
    bound: list[GuardedCall] = field(default_factory=list)
    per_second: float = 0.0

    def __post_init__(self) -> None:
        self._replies = iter(self.replies)

    def bind(self, context: CallContext) -> GuardedCall:
        call = GuardedCall(
            replies=self._replies,
            name=self.name,
            purpose=context.purpose,
            guard=None if self.private else self.guard,
            context=context,
        )
        call.on_token = context.on_token
        self.bound.append(call)
        return call

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        return 0.001 * (usage["input_tokens"] + usage["output_tokens"]) + seconds * self.per_second

    @property
    def prompts(self) -> list[Prompt]:
        return [prompt for call in self.bound for prompt in call.prompts]


class FakeServices(Services):
    """Services whose SLM is private and whose LLM is public, unless the test says otherwise."""

    def __init__(
        self,
        folder: Path,
        slm: Sequence[Reply] = (),
        llm: Sequence[Reply] = (),
        llm_private: bool = False,
        **settings: Any,
    ) -> None:
        # What ships with Tandem would answer in place of the fakes.
        own = CalibrationSettings(**{"shipped": False, **settings.pop("calibration", {})})
        super().__init__(Settings(home=folder, calibration=own, **settings))
        self.fakes: dict[str, FakeTier] = {
            "slm": FakeTier("slm", True, self.guard, slm),
            "llm": FakeTier("llm", llm_private, self.guard, llm),
        }
        self.__dict__["ledger"] = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
        # Reading with the head would fetch the embedding model; tests of it bring their own.
        self.__dict__["head_reader"] = HeadReader(None, lambda: self.embeddings)
        self.hits: list[Any] = []

    def tier(self, name: TierName, task: str = "") -> Tier:
        return self.fakes.get(f"{name}:{task}", self.fakes[name])

    def search(self, text: str, k: int, tenant: str = "") -> list[Any]:
        return self.hits[:k]

    def document_text(self, document: Document) -> str:
        return document["text"]
