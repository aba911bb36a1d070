"""The support reply on a fake tier and a fake knowledge base."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tandem.nodes.support_reply import HANDOVER, SupportReply, claims
from tandem.records import Attempt, Profile, TierName, Verdict
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.nodes.knowledge import FakeSearcher
from tests.unit.snapshots import assert_stored

NO_PROFILE = cast(Profile, {})
MESSAGE = "Hello, this is Anna. How long do I have to file my voucher for trip 4711?"
REPLY = (
    "Hi Anna,\nThank you for your message! Please file the travel voucher within 5 business days. "
    "Let us know if you need more help.\nBest regards"
)
TASK = SupportReply(FakeSearcher())


def answered(reply: str, tier: TierName = "slm", **fields: Any) -> tuple[Attempt, list[str]]:
    """The attempt with this reply, and the gates that it does not pass."""
    prepared = TASK.prepare({"text": MESSAGE}, NO_PROFILE)
    attempt = TASK.attempt(prepared, FakeTierCall([completion(reply, **fields)], name=tier))
    return attempt, [failure["gate"] for failure in TASK.check(prepared, attempt)]


def test_a_grounded_reply_cites_what_it_states() -> None:
    attempt, failed = answered(REPLY)
    assert failed == []
    assert attempt["output"] == {
        "reply": REPLY,
        "citations": [{"id": "travel.md#1", "source": "travel.md", "heading": "Travel > Voucher"}],
        "found": True,
    }


def test_the_prompt_is_the_stored_one() -> None:
    tier = FakeTierCall([REPLY])
    TASK.attempt(TASK.prepare({"text": MESSAGE}, NO_PROFILE), tier)
    assert_stored("support_reply", tier.prompts[0])


@pytest.mark.parametrize(
    ("reply", "gate"),
    [
        ("", "not_empty"),
        ("Thank you for your message! I hope you are well.", "citation"),
        ("File the travel voucher within 9 business days.", "numbers"),
        ("We apologize and refund 50 EUR. File the travel voucher within 5 days.", "numbers"),
        ("File the travel voucher within 5 business days at help@example.org.", "addresses"),
        ("File the travel voucher within 5 business days with Dr Watson.", "names"),
        (MESSAGE, "says_nothing"),
        ("Dear [Name], file the travel voucher within 5 business days.", "no_placeholder"),
        ("File travel vouchers within 5 business days or dragons burn all castles.", "support"),
    ],
)
def test_what_is_not_grounded_is_rejected(reply: str, gate: str) -> None:
    assert gate in answered(reply)[1]


def test_what_the_customer_said_may_be_said_again() -> None:
    reply = "Hi Anna, for trip 4711 please file the travel voucher within 5 business days."
    assert answered(reply)[1] == []


def test_a_claim_about_a_name_that_only_the_customer_said_is_rejected() -> None:
    reply = "You can file the travel voucher within 5 business days from Anna."
    assert answered(reply)[1] == ["names"]


def test_a_cut_off_reply_is_rejected() -> None:
    assert answered(REPLY, finish="length")[1] == ["not_truncated"]


def test_nothing_found_hands_over_without_a_model() -> None:
    task = SupportReply(FakeSearcher(), min_score=0.95)
    prepared = task.prepare({"text": MESSAGE}, NO_PROFILE)
    attempt = task.attempt(prepared, FakeTierCall())
    assert attempt["output"] == {"reply": HANDOVER, "citations": [], "found": False}
    assert (attempt["tier"], attempt["calls"]) == ("rule", 0)
    assert task.check(prepared, attempt) == []


def test_a_refusal_escalates_and_then_hands_over() -> None:
    refusal = "I'm sorry, but I cannot help with that."
    assert answered(refusal)[1] == ["not_refusal"]
    attempt, failed = answered(refusal, tier="llm")
    assert failed == []
    assert attempt["output"]["reply"] == HANDOVER


def test_escalation_asks_again_from_the_same_passages() -> None:
    prepared = TASK.prepare({"text": MESSAGE}, NO_PROFILE)
    rejected = TASK.attempt(prepared, FakeTierCall(["No."]))
    llm = FakeTierCall([REPLY], name="llm")
    repaired = TASK.repair(prepared, rejected, cast(Verdict, {}), llm)
    assert repaired["output"]["reply"] == REPLY


def test_claims_leave_courtesy_out_unless_it_is_long() -> None:
    assert claims(REPLY) == ["Please file the travel voucher within 5 business days."]
    long = "Thank you for your message, and " + ("we will send you a new car " * 4).strip()
    assert claims(long) == [long]
