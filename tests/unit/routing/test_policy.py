from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.ledger.speeds import Speed
from tandem.records import SENSITIVITIES, Sensitivity, TierName
from tandem.routing.budgets import spent
from tandem.routing.latency import Choice, tier_in_time, too_late
from tandem.routing.policy import DEGRADED, LlmAccess, decide, start
from tandem.settings import Budgets, Rule
from tests.unit.ledger.rows import profile

PUBLIC = LlmAccess(llm_is_private=False, public_may_see=("none", "internal"))
PRIVATE = LlmAccess(llm_is_private=True, public_may_see=("none",))


def rule(**fields: Any) -> Rule:
    return Rule.model_validate({"name": "r", **fields})


def speed(p95: float) -> Speed:
    return Speed(p50=p95 / 2, p95=p95, n=30)


@pytest.mark.parametrize(
    ("given", "complexity", "tier"),
    [
        (None, None, "slm"),
        (None, 0.9, "llm"),
        (None, 0.8, "slm"),
        (rule(llm_above=0.95), 0.9, "slm"),
        (rule(llm_above=0), 0.1, "llm"),
        (rule(first_tier="slm"), 0.9, "slm"),
        (rule(first_tier="llm"), None, "llm"),
    ],
)
def test_a_request_starts_by_its_rule_else_by_complexity_else_by_its_task(
    given: Rule | None, complexity: float | None, tier: TierName
) -> None:
    first = start(profile(complexity=complexity), "slm", given, llm_above=0.8)
    assert first.tier == tier
    assert tier.upper() in first.reason


def test_a_rule_only_ever_tightens() -> None:
    assert PUBLIC.tightened(None) == PUBLIC
    assert not PUBLIC.tightened(rule(private_only=True)).allows("none")
    narrowed = PUBLIC.tightened(rule(public_may_see=["none", "secret"]))
    assert narrowed.public_may_see == ("none",)
    private = LlmAccess(llm_is_private=False, public_may_see=("none",), private_only=True)
    assert private.tightened(rule(may_escalate=True)).private_only


_SEEN = st.lists(st.sampled_from(SENSITIVITIES), unique=True)


@given(_SEEN, st.booleans(), st.booleans(), st.none() | _SEEN, st.booleans())
def test_no_rule_lets_more_leave(
    seen: list[Sensitivity],
    llm_is_private: bool,
    private_only: bool,
    rules: list[Sensitivity] | None,
    rule_private: bool,
) -> None:
    access = LlmAccess(llm_is_private, tuple(seen), private_only)
    tightened = access.tightened(rule(public_may_see=rules, private_only=rule_private))
    assert all(access.allows(each) for each in SENSITIVITIES if tightened.allows(each))


def test_a_private_llm_may_see_all_but_what_is_barred() -> None:
    assert PRIVATE.allows("secret")
    barred = LlmAccess(llm_is_private=True, public_may_see=(), barred="the budget is spent")
    assert barred.why_not("none") == "the budget is spent"


def test_what_the_llm_must_not_see_stays_on_the_slm_and_is_marked() -> None:
    first = start(profile(), "llm", None, 1.0)
    decision = decide(profile(sensitivity="secret"), "reason", first, PUBLIC)
    assert (decision["tier"], decision["may_escalate"]) == ("slm", False)
    assert DEGRADED in decision["reasons"]


@pytest.mark.parametrize(("tier", "marked"), [("llm", True), ("slm", False)])
def test_what_a_deadline_hands_to_the_slm_is_marked(tier: TierName, marked: bool) -> None:
    in_time = Choice("slm", "the LLM is too slow")
    first = start(profile(), tier, None, 1.0)
    decision = decide(profile(), "reason", first, PRIVATE, in_time=in_time)
    assert (decision["tier"], decision["may_escalate"]) == ("slm", True)
    assert (DEGRADED in decision["reasons"]) is marked


def test_a_rule_may_forbid_escalation_and_says_so() -> None:
    given = rule(may_escalate=False)
    first = start(profile(), "slm", given, 1.0)
    decision = decide(profile(), "answer_faq", first, PUBLIC, given)
    assert not decision["may_escalate"]
    assert decision["reasons"][0] == "rule 'r' matches"
    assert "the rule forbids escalation" in decision["reasons"]


def test_what_a_rule_keeps_private_is_kept_at_the_client_too() -> None:
    given = rule(public_may_see=["none"])
    access = PUBLIC.tightened(given)
    first = start(profile(), "slm", given, 1.0)
    kept = decide(profile(sensitivity="internal"), "answer_faq", first, access, given)
    assert kept["private_only"]
    assert not decide(profile(), "answer_faq", first, access, given)["private_only"]


@pytest.mark.parametrize(
    ("first", "speeds", "left", "allowed", "tier"),
    [
        ("slm", {}, 0.1, True, "slm"),
        ("slm", {"slm": speed(1)}, 2.0, True, "slm"),
        ("llm", {"slm": speed(1), "llm": speed(3)}, 2.0, True, "slm"),
        ("llm", {"llm": speed(3)}, 2.0, True, "llm"),
        ("slm", {"slm": speed(3), "llm": speed(1)}, 2.0, True, "llm"),
        ("slm", {"slm": speed(3), "llm": speed(1)}, 2.0, False, "slm"),
        ("llm", {"slm": speed(3), "llm": speed(5)}, 2.0, True, "slm"),
        ("slm", {"slm": speed(3), "llm": speed(5)}, 2.0, True, "slm"),
    ],
)
def test_a_deadline_chooses_by_measured_speed(
    first: TierName, speeds: dict[TierName, Speed], left: float, allowed: bool, tier: TierName
) -> None:
    choice = tier_in_time(first, speeds, left, allowed)
    assert choice.tier == tier
    assert "p95 of 30" in choice.reason or "not known" in choice.reason


def test_where_both_are_late_a_tier_whose_answers_were_cut_is_not_taken_as_faster() -> None:
    speeds: dict[TierName, Speed] = {"slm": speed(3), "llm": Speed(1.0, 2.0, 30, cut=True)}
    assert tier_in_time("slm", speeds, 2.0, llm_allowed=True).tier == "slm"


def test_an_attempt_that_would_not_end_in_time_is_not_begun() -> None:
    assert too_late("an escalation takes", speed(3), 2.0) == (
        "an escalation takes 3.00 s (p95 of 30) and only 2.00 s are left"
    )
    assert too_late("it takes", speed(3), 3.0) == ""
    assert too_late("it takes", None, 0.01) == ""
    assert too_late("it takes", None, 0.0) == "the deadline has passed"


@pytest.mark.parametrize(
    ("budgets", "tenant", "told"),
    [
        (Budgets(), "bank", ""),
        (Budgets(per_day=10), "bank", ""),
        (Budgets(per_day=3), "bank", "of all tenants is spent: 3.000000 of 3.000000 USD"),
        (Budgets(tenant_per_day=2), "bank", "of tenant 'bank' is spent: 2.000000 of 2.000000 USD"),
        (Budgets(tenant_per_day=2, tenants={"bank": 5}), "bank", ""),
        (Budgets(tenant_per_day=2), "", ""),
        (Budgets(tenant_per_day=1), "", "of requests without a tenant is spent"),
        (Budgets(tenants={"new": 0}), "new", "of tenant 'new' is spent: 0.000000 of 0.000000"),
    ],
)
def test_a_spent_budget_is_named_with_its_figures(budgets: Budgets, tenant: str, told: str) -> None:
    why = spent(budgets, tenant, {"bank": 2.0, "": 1.0}, "USD")
    assert told in why
    assert bool(why) == bool(told)


def test_without_a_bound_nothing_is_asked_of_the_ledger() -> None:
    assert not Budgets().bounded
    assert Budgets(tenants={"bank": 1.0}).bounded
    assert not Budgets(tenants={"bank": math.inf}).bounded
