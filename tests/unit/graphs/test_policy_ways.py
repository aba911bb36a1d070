"""What the policy makes of the graph's ways: budgets, refusals, second tries."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import BudgetSpent, EgressBlocked, PolicyRefused
from tandem.graphs.hybrid import build
from tandem.graphs.subtasks import Subtasks
from tandem.models.tier import CallContext, Prompt
from tandem.nodes.draft import Draft
from tandem.nodes.state import Context
from tandem.nodes.task import Prepared
from tandem.records import Profile, Request
from tandem.routing.policy import DEGRADED
from tests.unit.fakes import completion
from tests.unit.graphs.ways import (
    BLOCKED,
    HELLO,
    SECRET,
    SENTIMENT,
    SURE,
    UNSURE,
    WRONG,
    ask,
    said,
    spend,
)
from tests.unit.ledger.rows import answer as recorded
from tests.unit.ledger.rows import decision, profile
from tests.unit.services import FakeServices


def test_a_spent_budget_leaves_the_slm(tmp_path: Path) -> None:
    policy = {"budgets": {"tenants": {"bank": 1.0}}}
    services = FakeServices(tmp_path, slm=[WRONG] * 2, llm=[SURE], policy=policy)
    spend(services, "bank", 1.5)
    answer = ask(services, {**SENTIMENT, "tenant": "bank"})
    assert (answer["status"], answer["error"]) == ("needs_review", None)
    assert services.fakes["llm"].prompts == []
    assert said(answer, "today's budget of tenant 'bank' is spent: 1.500000 of 1.000000 USD")


def test_another_tenants_budget_is_no_concern(tmp_path: Path) -> None:
    policy = {"budgets": {"tenants": {"bank": 1.0}}}
    services = FakeServices(tmp_path, slm=[WRONG], llm=[SURE], policy=policy)
    spend(services, "bank", 1.5)
    assert ask(services, {**SENTIMENT, "tenant": "shop"})["tier"] == "llm"


def test_a_spent_budget_may_refuse_before_any_model_is_asked(tmp_path: Path) -> None:
    policy = {"budgets": {"per_day": 1.0, "when_spent": "refuse"}}
    services = FakeServices(tmp_path, policy=policy)
    spend(services, "bank", 1.0)
    answer = ask(services, {"text": "What is this?"})
    assert (answer["status"], answer["attempts"]) == ("failed", [])
    assert answer["error"] is not None
    assert answer["error"]["code"] == BudgetSpent.code
    run = services.ledger.run(answer["run_id"])
    assert run is not None
    assert (run["status"], run["error_code"]) == ("failed", BudgetSpent.code)


def test_what_an_agent_delegates_is_not_refused_half_way(tmp_path: Path) -> None:
    policy = {"budgets": {"per_day": 1.0, "when_spent": "refuse"}}
    services = FakeServices(tmp_path, slm=[SURE], policy=policy)
    spend(services, "", 1.0)
    services.ledger.start("agent", {"text": ""}, profile(), decision())
    answer = ask(services, SENTIMENT, Context(parent_run_id="agent"))
    assert (answer["status"], answer["tier"]) == ("accepted", "slm")


@pytest.mark.parametrize("parent", ["made-up", "itself", "of-another", "ended"])
def test_no_made_up_parent_gets_around_a_spent_budget(tmp_path: Path, parent: str) -> None:
    policy = {"budgets": {"per_day": 1.0, "when_spent": "refuse"}}
    services = FakeServices(tmp_path, slm=[SURE], policy=policy)
    spend(services, "", 1.0)
    for run_id, tenant in (("of-another", "bank"), ("ended", "")):
        services.ledger.start(run_id, {"text": ""}, profile(tenant=tenant), decision())
    services.ledger.finish("ended", recorded("ended"))
    answer = ask(services, SENTIMENT, Context(run_id="itself", parent_run_id=parent))
    assert answer["error"] is not None
    assert answer["error"]["code"] == BudgetSpent.code


def test_a_budget_that_is_spent_meanwhile_stops_the_escalation(tmp_path: Path) -> None:
    policy = {"budgets": {"per_day": 0.0000005, "refresh_s": 0.0}}
    services = FakeServices(tmp_path, slm=[WRONG] * 2, llm=[SURE], policy=policy)
    answer = ask(services, SENTIMENT)
    assert answer["status"] == "needs_review"
    assert said(answer, "of all tenants is spent")


def test_a_rule_refuses_in_its_own_words(tmp_path: Path) -> None:
    rules = [{"name": "short", "when": {"text_chars": {"above": 5}}, "refuse": "Be brief."}]
    services = FakeServices(tmp_path, policy={"rules": rules})
    answer = ask(services, SENTIMENT)
    assert answer["error"] is not None
    assert answer["error"]["code"] == PolicyRefused.code
    assert "'short' refuses this request: Be brief." in answer["error"]["what"]
    assert answer["profile"] is not None
    assert said(answer, "declared by the caller")


def test_a_rule_that_refuses_whatever_the_task_is_refuses_before_any_model_reads(
    tmp_path: Path,
) -> None:
    rules = [
        {"name": "other", "when": {"tenant": "good", "task": "faq"}, "first_tier": "llm"},
        {"name": "no", "when": {"tenant": "bad"}, "refuse": "No."},
    ]
    services = FakeServices(tmp_path, policy={"rules": rules})
    answer = ask(services, {"text": "What is this?", "tenant": "bad"})
    assert answer["error"] is not None
    assert answer["error"]["code"] == PolicyRefused.code
    assert (answer["attempts"], services.fakes["slm"].prompts) == ([], [])


def test_no_public_model_reads_what_a_rule_may_yet_refuse(tmp_path: Path) -> None:
    rules = [{"name": "no", "when": {"task": "draft"}, "refuse": "No."}]
    reading = completion("message to write", logprob=-0.01)
    services = Watched(tmp_path, slm=[reading], policy={"rules": rules})
    answer = ask(services, {"text": "Write that we meet."})
    assert answer["error"] is not None
    assert answer["error"]["code"] == PolicyRefused.code
    assert [(each.purpose, each.private_only) for each in services.contexts] == [("classify", True)]


def test_a_rule_starts_on_the_llm(tmp_path: Path) -> None:
    rules = [{"name": "r", "when": {"task": "sentiment"}, "first_tier": "llm"}]
    services = FakeServices(tmp_path, llm=[SURE], policy={"rules": rules})
    answer = ask(services, SENTIMENT)
    assert (answer["tier"], answer["all_llm_estimated"]) == ("llm", False)
    assert said(answer, "rule 'r' matches")


def test_a_private_rule_keeps_the_run_private(tmp_path: Path) -> None:
    rules = [{"name": "r", "when": {"tenant": "legal"}, "private_only": True}]
    services = FakeServices(tmp_path, slm=[WRONG] * 2, llm=[SURE], policy={"rules": rules})
    answer = ask(services, {**SENTIMENT, "tenant": "legal"})
    assert answer["status"] == "needs_review"
    assert services.fakes["llm"].prompts == []


def test_a_second_try_turns_the_labels_round_and_counts_both_readings(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[UNSURE, SURE])
    answer = ask(services, SECRET)
    assert [each["tier"] for each in answer["attempts"]] == ["slm", "slm"]
    first, second = services.fakes["slm"].prompts
    assert list(second.choices or []) == list(first.choices or [])[::-1]
    readings = [each["output"]["probabilities"]["positive"] for each in answer["attempts"]]
    assert readings[0] < readings[1] < 0.99


def test_a_second_try_that_passes_is_accepted(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, slm=[WRONG, SURE]), SECRET)
    assert (answer["status"], answer["tier"]) == ("accepted", "slm")
    assert [verdict["accepted"] for verdict in answer["verdicts"]] == [False, True]


def test_other_tasks_try_again_at_a_temperature(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=["Dear [name], we meet.", "Dear all, we meet."])
    request = {"text": "Write that we meet.", "task": "draft", "sensitivity": "secret"}
    answer = ask(services, request)
    assert answer["status"] == "accepted"
    assert [prompt.temperature for prompt in services.fakes["slm"].prompts] == [0.0, 0.3]


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (3, 4)])
def test_second_tries_are_as_many_as_the_policy_says(
    tmp_path: Path, retries: int, attempts: int
) -> None:
    services = FakeServices(tmp_path, slm=[WRONG] * 4, policy={"slm_retries": retries})
    answer = ask(services, SECRET)
    assert answer["status"] == "needs_review"
    assert len(answer["attempts"]) == len(answer["verdicts"]) == attempts
    run = services.ledger.run(answer["run_id"])
    assert run is not None
    assert [each["accepted"] for each in run["attempts"]] == [False] * attempts


def test_what_the_guard_holds_back_at_the_last_moment_is_tried_again_here(tmp_path: Path) -> None:
    answer = ask(FakeServices(tmp_path, slm=[WRONG, SURE], llm=[BLOCKED]), SENTIMENT)
    assert (answer["status"], answer["tier"]) == ("accepted", "slm")
    assert [each["tier"] for each in answer["attempts"]] == ["slm", "llm", "slm"]


def test_a_task_of_the_llm_that_the_guard_holds_back_is_done_here_and_marked(
    tmp_path: Path,
) -> None:
    work = "2 + 2 = 4\nAnswer: 4"
    services = FakeServices(tmp_path, slm=[work], llm=[BLOCKED])
    answer = ask(services, {"text": "What is 2 + 2?", "task": "reasoning"})
    assert (answer["status"], answer["tier"]) == ("unverified", "slm")
    assert DEGRADED in answer["reasons"]


@dataclass(frozen=True)
class Broken(Draft):
    """A task with a fault."""

    name: str = "broken"
    node: str = "broken"

    def prepare(self, request: Request, profile: Profile) -> Prepared:
        raise ZeroDivisionError(request["text"])


def test_a_fault_of_a_task_closes_the_run_and_is_raised(tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    graph = build(services, [Broken()]).compile()
    request: Any = {"request": {"text": "QUINCE", "task": "broken"}}
    with pytest.raises(ZeroDivisionError):
        graph.invoke(request, context=Context(run_id="r"))
    run = services.ledger.run("r")
    assert run is not None
    assert (run["status"], run["cost"], run["error_code"]) == ("failed", 0.0, "error")
    assert run["finished"] is not None
    assert "ZeroDivisionError" in run["error_what"]
    assert "QUINCE" not in run["error_what"]


class Watched(FakeServices):
    """Services that note what each attempt was bound to."""

    def __init__(self, folder: Path, **given: Any) -> None:
        super().__init__(folder, **given)
        self.contexts: list[CallContext] = []
        for fake in self.fakes.values():
            fake.bind = partial(self._noting, fake.bind)  # type: ignore[method-assign]

    def _noting(self, bind: Callable[[CallContext], Any], context: CallContext) -> Any:
        self.contexts.append(context)
        return bind(context)


def test_no_public_model_reads_what_a_rule_may_yet_keep_private(tmp_path: Path) -> None:
    rules = [{"name": "r", "when": {"task": "contract_review"}, "private_only": True}]
    reading = completion("message to write", logprob=-0.01)
    services = Watched(tmp_path, slm=[reading, "Dear all, we meet."], policy={"rules": rules})
    assert ask(services, {"text": "Write that we meet."})["status"] == "accepted"
    assert [(each.purpose, each.private_only) for each in services.contexts] == [
        ("classify", True),
        ("answer", False),
    ]


def test_what_a_private_run_delegates_is_private_too(tmp_path: Path) -> None:
    services = Watched(tmp_path, slm=[WRONG] * 2, llm=[SURE])
    parent: Any = {
        "run_id": "parent",
        "deadline": time.time() + 60,
        "profile": profile(latency="async"),
        "decision": decision(private_only=True),
    }
    services.ledger.start("parent", {"text": ""})
    delegate = Subtasks(build(services))(parent, Context(), [])
    answer = delegate({**SENTIMENT})  # type: ignore[typeddict-item]
    assert answer["status"] == "needs_review"
    assert all(each.private_only for each in services.contexts)
    assert answer["profile"] is not None
    assert answer["profile"]["latency"] == "async"


def test_a_public_tier_of_these_tests_refuses_a_private_call_as_the_real_one_does(
    tmp_path: Path,
) -> None:
    services = FakeServices(tmp_path, llm=[SURE])
    context = CallContext(profile(), deadline=time.time() + 60, private_only=True)
    with pytest.raises(EgressBlocked):
        services.tier("llm").bind(context).complete(Prompt(HELLO, max_tokens=5))
    assert services.fakes["llm"].prompts == []


def test_what_is_redacted_for_the_llm_comes_back_in_the_answer(tmp_path: Path) -> None:
    privacy = {"leave": {"EMAIL": "redact"}}
    reply = "Dear all, write to <EMAIL_1>."
    services = FakeServices(tmp_path, slm=["Dear [name],"], llm=[reply], privacy=privacy)
    answer = ask(services, {"text": "Write: mail to ann@example.com.", "task": "draft"})
    (prompt,) = services.fakes["llm"].prompts
    assert "ann@example.com" not in str(prompt.messages)
    assert "ann@example.com" in str(answer["output"])
