"""What a tier's prompts are measured to cost, with an adapter in force and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandem.loop.measuring import Asker, TierAnswers
from tandem.models.adapters import AdapterCard
from tandem.models.tier import CallContext, Completion, Prompt
from tandem.nodes.calibrated import TURN_TOKENS
from tandem.nodes.labels import LabelTask
from tandem.nodes.tuned import asked_labels
from tandem.quality.calibration.calibration import Asking
from tandem.quality.calibration.examples import Examples
from tandem.records import TierName, Usage
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.services import FakeServices

LABELS = tuple(f"label_{number}" for number in range(77))
CARD = AdapterCard(
    name="mine",
    task="document_classification",
    slot="",
    base="base",
    base_sha256="b" * 64,
    sha256="a" * 64,
    made="2026-11-24",
)
RATE = 0.25


class Counting(FakeTierCall):
    """Takes a token for four bytes of a turn, and what a chat template adds."""

    def complete(self, prompt: Prompt) -> Completion:
        self.prompts.append(prompt)
        turns = [str(turn["content"]).encode() for turn in prompt.messages]
        tokens = round(RATE * sum(map(len, turns))) + TURN_TOKENS * len(turns)
        usage: Usage = {"input_tokens": tokens, "output_tokens": 1}
        self.done.append(completion("label 1", usage=usage))
        return self.done[-1]


class Tier:
    private = True

    def __init__(self, name: TierName) -> None:
        self.name, self.calls = name, list[Counting]()

    def bind(self, context: CallContext) -> Counting:
        self.calls.append(Counting(name=self.name))
        return self.calls[-1]

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        return 0.0


def adapter(task: str, asked: str) -> AdapterCard | None:
    return CARD if asked == asked_labels(LABELS) else None


@pytest.mark.parametrize("tier", ["slm", "llm"])
@pytest.mark.parametrize("shortlist", [0, 5])
def test_the_rate_is_that_of_the_prompt_that_was_sent(
    tmp_path: Path, tier: TierName, shortlist: int
) -> None:
    services, asked = FakeServices(tmp_path), Tier(tier)
    services.fakes[tier] = asked  # type: ignore[assignment]
    texts = ["Where is my new card?", "I was charged twice for one coffee."]
    nothing = np.zeros((0, 4), dtype=np.float32)
    asker = Asker(
        services,
        LabelTask(name="document_classification", adapter=adapter),
        LABELS,
        texts,
        np.zeros((2, 4), dtype=np.float32),
        Examples([], np.array([], dtype=np.int64), nothing),
        lambda _row, count: list(LABELS[:count]),
        lambda *_: None,
    )
    asking: Any = Asking(examples=0, shortlist=shortlist)
    said = asker.ask(tier, asking, np.arange(2), TierAnswers(2, len(LABELS)))
    assert said.tokens_per_byte == pytest.approx(RATE, abs=0.01)
    (prompt,) = asked.calls[0].prompts
    assert prompt.adapter == ("mine" if tier == "slm" else "")
    assert len(prompt.choices or ()) == (shortlist or len(LABELS))
