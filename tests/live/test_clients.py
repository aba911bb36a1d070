"""The tiers' clients against the real embedded SLM."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tandem.errors import DeadlineExceeded, PromptTooLong
from tandem.models.embedded import EmbeddedServers
from tandem.models.pool import BoundTier, ChainTier, TierPool
from tandem.models.tier import CallContext, Prompt
from tandem.records import Message, Profile
from tandem.settings import Settings

pytestmark = pytest.mark.live
PROFILE: Profile = {
    "task": "",
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
INVOICE = "Invoice by ACME Ltd, 3 boxes, total 120.50 EUR."
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 40},
        "total": {"type": "number"},
    },
    "required": ["name", "total"],
    "additionalProperties": False,
}
LABELS = ["positive", "negative"]


class NoGuard:
    """The SLM is private: it must never be asked about."""

    def release(self, text: str, profile: Profile, outlet: str) -> str:
        raise AssertionError("a private model was guarded")


@pytest.fixture(scope="module")
def slm() -> Iterator[ChainTier]:
    pool = TierPool(Settings(), EmbeddedServers(Settings()), NoGuard())
    yield pool.tier("slm")
    pool.close()


def bind(tier: ChainTier, seconds: float = 120.0) -> BoundTier:
    return tier.bind(CallContext(PROFILE, time.time() + seconds))


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def sentiment(text: str) -> list[Message]:
    return user(f"Is the sentiment of this review positive or negative?\n\n{text}")


def test_a_schema_constrains_the_answer_without_white_space(slm: ChainTier) -> None:
    answer = bind(slm).complete(Prompt(user(f"Name and total as JSON: {INVOICE}"), 60, SCHEMA))
    found = json.loads(answer.text)
    assert found["total"] == 120.5
    assert answer.text == json.dumps(found, separators=(",", ":")).replace("120.5}", "120.50}")
    assert "".join(token.text for token in answer.tokens) == answer.text
    assert answer.model == "qwen2.5-coder-0.5b-instruct"
    assert answer.usage["output_tokens"] >= len(answer.tokens)
    assert answer.cost > 0


@pytest.mark.parametrize(
    ("text", "label"),
    [("I love it, best purchase ever!", "positive"), ("Awful, a waste of money.", "negative")],
)
def test_a_choice_comes_with_its_probabilities(slm: ChainTier, text: str, label: str) -> None:
    answer = bind(slm).complete(Prompt(sentiment(text), 8, choices=LABELS))
    found = answer.choice_probabilities(LABELS)
    assert answer.text == label
    assert max(found, key=lambda name: found[name]) == label
    assert sum(found.values()) == pytest.approx(1.0)
    assert 0.5 < found[label] < 1.0


def test_choices_that_share_tokens_and_hold_marks_come_verbatim(slm: ChainTier) -> None:
    labels = ['card "lost"', "card stolen", "café\\closed", "none of these"]
    asked = user('Which label fits "somebody took my card"? Labels: ' + "; ".join(labels))
    answer = bind(slm).complete(Prompt(asked, 20, choices=labels))
    found = answer.choice_probabilities(labels)
    assert answer.text in labels
    assert sum(found.values()) == pytest.approx(1.0)
    assert found['card "lost"'] != pytest.approx(found["card stolen"])


def test_greedy_is_greedy(slm: ChainTier) -> None:
    asked = Prompt(user("Name three animals."), 24)
    first, second = (bind(slm).complete(asked) for _ in range(2))
    assert first.text == second.text
    for token in first.tokens:
        assert token.logprob == pytest.approx(max(token.top.values()), abs=1e-3)


def test_the_deadline_frees_the_slot(slm: ChainTier) -> None:
    bind(slm).complete(Prompt(user("Hello"), 2))  # connected, so that the time is the server's
    long = Prompt(user("Write a long story about the sea."), 2000)
    for _ in range(Settings().models["slm-embedded"].slots):
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            bind(slm, 1.5).complete(long)
        assert time.monotonic() - started < 2.5
    # A slot that still wrote its story would hold this one up for over a minute.
    assert bind(slm, 20).complete(Prompt(user("Hello"), 2)).text


def test_a_prompt_beyond_the_window_is_told_as_such(slm: ChainTier) -> None:
    with pytest.raises(PromptTooLong):
        bind(slm).complete(Prompt(user("word " * 9000), 10))


def test_tools_are_chosen_by_a_schema(slm: ChainTier) -> None:
    add = {
        "name": "calculate",
        "description": "Evaluates an arithmetic expression.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string", "maxLength": 30}},
            "required": ["expression"],
            "additionalProperties": False,
        },
    }
    calls = bind(slm).choose_calls(user("Use calculate: what is 17 * 23?"), [add], 60)
    assert [call.name for call in calls] == ["calculate"] * len(calls)
    assert "17" in calls[0].arguments["expression"]
