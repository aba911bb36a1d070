"""Services for unit tests: real settings, ledger and guard; tiers that answer with what the test
gave them, behind the guard as the real ones are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.ledger.store import Ledger
from tandem.models.tier import CallContext, Completion, Prompt, Tier
from tandem.records import Document, TierName, Usage
from tandem.routing.head_reader import HeadReader
from tandem.services import Services
from tandem.settings import Settings
from tests.unit.fakes import FakeTierCall

Reply = str | Completion | Exception


@dataclass
class GuardedCall(FakeTierCall):
    """A FakeTierCall that shows each prompt to the guard first where its tier is public."""

    release: Any = None

    def complete(self, prompt: Prompt) -> Completion:
        if self.release is not None:
            self.release("\n".join(message["content"] for message in prompt.messages))
        return super().complete(prompt)


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
        def release(text: str) -> str:
            return str(self.guard.release(text, context.profile, f"{self.name}:fake"))

        call = GuardedCall(
            replies=self._replies,
            name=self.name,
            purpose=context.purpose,
            release=None if self.private else release,
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
        super().__init__(Settings(home=folder, **settings))
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
