"""The label tasks on a fake tier."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest
from tandem.models.adapters import AdapterCard
from tandem.models.tier import Completion, Token
from tandem.nodes.classify_document import ClassifyDocument
from tandem.nodes.labels import LabelTask, speakable
from tandem.nodes.sentiment import Sentiment
from tandem.nodes.task import Task
from tandem.records import Profile, Request, TierName, Verdict
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.snapshots import assert_stored

NO_PROFILE = cast(Profile, {})
NO_VERDICT = cast(Verdict, {})
SENTIMENT = Sentiment(min_margin=0.3)
BANKING = ClassifyDocument(min_margin=0.3)
LABELS = ["card_arrival", "Refund_not_showing_up"]


def ask(task: LabelTask, **request: Any) -> dict[str, Any]:
    return dict(task.prepare(cast(Request, {"text": "I love it.", **request}), NO_PROFILE))


def first_token(**probabilities: float) -> Completion:
    """A completion of one token that is the first of these words."""
    logprobs = {word: math.log(share) for word, share in probabilities.items()}
    word, logprob = next(iter(logprobs.items()))
    return completion(word, tokens=(Token(word, logprob, logprobs),))


def gates(task: Task, prepared: Any, attempt: Any) -> list[str]:
    return [failure["gate"] for failure in task.check(prepared, attempt)]


def test_sentiment_gives_a_label_with_probabilities() -> None:
    tier = FakeTierCall([first_token(positive=0.8, negative=0.1, neutral=0.1)])
    prepared = ask(SENTIMENT)
    attempt = SENTIMENT.attempt(prepared, tier)
    assert attempt["output"]["label"] == "positive"
    assert attempt["output"]["probabilities"] == pytest.approx(
        {"positive": 0.8, "negative": 0.1, "neutral": 0.1}
    )
    assert attempt["signals"] == pytest.approx({"label_probability": 0.8, "margin": 0.7})
    assert gates(SENTIMENT, prepared, attempt) == []
    assert_stored("sentiment", tier.prompts[0])


def test_underscores_are_read_as_spaces_and_mapped_back() -> None:
    tier = FakeTierCall(["card arrival"])
    examples = [{"text": "No refund yet", "output": {"label": "Refund_not_showing_up"}}]
    prepared = ask(BANKING, text="Where is my card?", labels=LABELS, examples=examples)
    attempt = BANKING.attempt(prepared, tier)
    assert attempt["output"]["label"] == "card_arrival"
    assert set(attempt["output"]["probabilities"]) == set(LABELS)
    assert tier.prompts[0].choices == ["card arrival", "Refund not showing up"]
    assert_stored("classify_document", tier.prompts[0])


def test_examples_go_in_as_past_turns() -> None:
    tier = FakeTierCall(["positive"])
    prepared = ask(SENTIMENT, examples=[{"text": "Dull.", "output": "negative"}])
    SENTIMENT.attempt(prepared, tier)
    assert [(turn["role"], turn["content"]) for turn in tier.prompts[0].messages[1:]] == [
        ("user", "Dull."),
        ("assistant", "negative"),
        ("user", "I love it."),
    ]


def test_own_labels_are_put_as_categories() -> None:
    for labels, word in ((["negative", "positive"], "sentiment"), (["up", "down"], "categories")):
        tier = FakeTierCall([labels[0]])
        SENTIMENT.attempt(ask(SENTIMENT, labels=labels), tier)
        assert word in tier.prompts[0].messages[0]["content"]


def test_a_small_margin_is_rejected_unless_the_llm_says_so() -> None:
    reply = first_token(positive=0.4, negative=0.35, neutral=0.25)
    prepared = ask(SENTIMENT)
    slm, llm = FakeTierCall([reply]), FakeTierCall([reply], name="llm")
    attempt = SENTIMENT.attempt(prepared, slm)
    assert gates(SENTIMENT, prepared, attempt) == ["margin"]
    repaired = SENTIMENT.repair(prepared, attempt, NO_VERDICT, llm)
    assert gates(SENTIMENT, prepared, repaired) == []


def test_a_second_try_of_a_tuned_model_is_the_opinion_of_the_model_as_it_is() -> None:
    card = AdapterCard("mine", "sentiment", "", "base", "b" * 64, "a" * 64, "2026-11-24")
    tuned = replace(SENTIMENT, adapter=lambda _task, _asked: card)
    readings = [
        first_token(positive=0.5, negative=0.3, neutral=0.2),
        first_token(positive=0.9, negative=0.1, neutral=0.0001),
    ]
    tier = FakeTierCall(readings)
    prepared = ask(tuned)
    again = tuned.retry(prepared, tuned.attempt(prepared, tier), tier, 1)
    first, second = tier.prompts
    assert (first.adapter, second.adapter) == ("mine", "")
    assert second.messages != first.messages
    assert again["output"]["probabilities"]["positive"] == pytest.approx(0.7, abs=0.01)


def test_a_foreign_label_is_rejected_on_every_tier() -> None:
    prepared = ask(SENTIMENT)
    names: tuple[TierName, ...] = ("slm", "llm")
    for name in names:
        tier = FakeTierCall([completion("banana", tokens=())], name=name)
        attempt = SENTIMENT.attempt(prepared, tier)
        assert attempt["output"] is None
        assert gates(SENTIMENT, prepared, attempt) == ["label_in_set"]


def test_a_server_without_log_probabilities_gives_a_label_without_them() -> None:
    tier = FakeTierCall([completion("neutral", tokens=())], name="llm")
    attempt = SENTIMENT.attempt(ask(SENTIMENT), tier)
    assert attempt["output"] == {"label": "neutral", "probabilities": {}}
    assert attempt["signals"] == {}


@pytest.mark.parametrize(
    ("request_fields", "words"),
    [
        ({"labels": ["one"]}, "at least two"),
        ({"labels": ["a", "b", "a"]}, "more than once"),
        ({"labels": ["a", " "]}, "empty"),
        ({"labels": [str(number) for number in range(201)]}, "more than the 200"),
        ({"examples": [{"text": "x", "output": "banana"}]}, "not among the labels"),
        ({"examples": [{"text": "x", "output": 3}]}, "not among the labels"),
        ({"text": " "}, "no text"),
        ({"documents": [{"name": "scan.pdf", "data": "AAAA"}]}, "has no text"),
    ],
)
def test_a_request_of_no_use_is_refused(request_fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        ask(SENTIMENT, **request_fields)


def test_classification_needs_labels() -> None:
    with pytest.raises(InvalidRequest, match="at least two"):
        ask(BANKING)


def test_a_document_is_read_and_cut_to_head_and_tail() -> None:
    task = ClassifyDocument(read=lambda document: document["text"], max_text_tokens=100)
    text = "INVOICE " + "word " * 1000 + "TOTAL"
    tier = FakeTierCall(["a"])
    prepared = ask(task, text="", documents=[{"name": "x.txt", "text": text}], labels=["a", "b"])
    task.attempt(prepared, tier)
    seen = tier.prompts[0].messages[-1]["content"]
    assert len(seen) < 400
    assert seen.startswith("Document x.txt:\nINVOICE")
    assert seen.endswith("TOTAL")


def test_a_small_context_window_cuts_the_text_further() -> None:
    tier = FakeTierCall(["positive"], context_tokens=512)
    SENTIMENT.attempt(ask(SENTIMENT, text="great " * 2000), tier)
    assert sum(len(turn["content"]) for turn in tier.prompts[0].messages) < 3 * 512


@given(st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True))
def test_every_label_can_be_spoken_and_mapped_back(labels: list[str]) -> None:
    spoken = speakable(labels)
    assert list(spoken.values()) == labels
    assert all(spoken)


def test_labels_that_would_become_one_stay_as_they_are() -> None:
    assert speakable(["a_b", "a b"]) == {"a_b": "a_b", "a b": "a b"}
