from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tandem.records import Request
from tandem.routing.rules import Facts, facts_of, first_match, may_match, sure_match
from tandem.settings import Policy
from tests.unit.ledger.rows import profile

FACTS = Facts(
    task="faq",
    tenant="bank",
    sensitivity="none",
    latency="realtime",
    complexity=0.5,
    quality=None,
    deadline_ms=800,
    text_chars=120,
    documents=0,
)


def policy(*whens: Any) -> Policy:
    return Policy.model_validate(
        {
            "rules": [
                {"name": str(place), "when": when, "may_escalate": True}
                for place, when in enumerate(whens)
            ]
        }
    )


def matched(facts: Facts, *whens: Any) -> str | None:
    rule = first_match(policy(*whens), facts)
    return rule.name if rule else None


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({}, True),
        ({"task": "faq"}, True),
        ({"task": ["draft", "faq"]}, True),
        ({"task": {"but": ["faq"]}}, False),
        ({"tenant": "bank", "latency": "async"}, False),
        ([{"tenant": "shop"}, {"latency": "realtime", "sensitivity": ["none"]}], True),
        ({"complexity": {"above": 0.5}}, False),
        ({"complexity": {"at_least": 0.5, "below": 0.6}}, True),
        ({"complexity": {"at_most": 0.4}}, False),
        ({"documents": 0, "text_chars": 120}, True),
        ({"deadline_ms": {"below": 800}}, False),
        ({"quality": {"at_least": 0}}, False),
    ],
)
def test_a_rule_matches_where_one_alternative_holds_as_a_whole(when: Any, holds: bool) -> None:
    assert (matched(FACTS, when) == "0") is holds


def test_the_first_match_wins() -> None:
    assert matched(FACTS, {"task": "draft"}, {"tenant": "bank"}, {"task": "faq"}) == "1"
    assert matched(FACTS, {"task": "draft"}) is None


def test_the_text_is_counted_with_the_turns_and_the_documents() -> None:
    request: Request = {
        "text": "12345",
        "messages": [{"role": "user", "content": "123"}],
        "documents": [{"name": "a", "text": "12"}, {"name": "b", "text": "1"}],
    }
    facts = facts_of(request, profile())
    assert (facts.text_chars, facts.documents) == (11, 2)


def test_before_the_task_is_read_every_rule_that_may_still_match_counts() -> None:
    rules = policy(
        {"task": "draft"},  # may match
        {"task": "draft", "tenant": "shop"},  # cannot: the tenant is known
        [{"complexity": {"above": 0.9}}, {"tenant": "bank"}],  # matches whatever the task is
        {"task": "faq"},  # never gets that far
    )
    unread = replace(FACTS, task="", complexity=None)
    assert [rule.name for rule in may_match(rules, unread)] == ["0", "2"]


@pytest.mark.parametrize(
    ("whens", "sure"),
    [
        (({"tenant": "bank"},), "0"),
        (({"tenant": "shop", "task": "faq"}, {"tenant": "bank"}), "1"),
        (({"task": {"but": ["faq"]}}, {"tenant": "bank"}), None),
        (([{"task": "faq"}, {"tenant": "bank"}],), "0"),
        (([{"task": "faq"}, {"tenant": "shop"}],), None),
        (({"tenant": "shop"},), None),
    ],
)
def test_a_match_is_sure_where_nothing_unread_can_change_it(
    whens: tuple[Any, ...], sure: str | None
) -> None:
    rule = sure_match(policy(*whens), replace(FACTS, task=""))
    assert (rule.name if rule else None) == sure
