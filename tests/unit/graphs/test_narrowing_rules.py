"""A rule that lets less leave than the settings holds at the door of every model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tandem.graphs.hybrid import build
from tandem.graphs.subtasks import Subtasks
from tandem.nodes.state import Context
from tandem.records import Answer
from tests.unit.fakes import completion
from tests.unit.ledger.rows import decision, profile
from tests.unit.nodes.knowledge import LEAVE, hit
from tests.unit.services import FakeServices

INTERNAL = "Mr Smith saw it and it is fine."
SENTIMENT = {"task": "sentiment", "labels": ["positive", "negative"]}
SURE = completion("positive", logprob=-0.01)
TIGHT: dict[str, Any] = {"name": "tight", "public_may_see": ["none"], "first_tier": "llm"}
QUESTION = {"text": "How many hours of annual leave do I earn per pay period?", "task": "faq"}
LEAVE_IS = "Employees earn six hours of annual leave per pay period [1]."


def ask(services: FakeServices, request: dict[str, Any], context: Context | None = None) -> Answer:
    answer: Answer = (
        build(services).compile().invoke({"request": request}, context=context)["answer"]
    )
    return answer


@pytest.mark.parametrize("rules", [[TIGHT], []])
def test_what_is_found_internal_leaves_by_the_settings_and_not_by_the_rule(
    rules: list[Any], tmp_path: Path
) -> None:
    wide = [{**TIGHT, "public_may_see": ["none", "internal"]}]
    policy = {"rules": rules or wide}
    services = FakeServices(tmp_path, slm=[SURE] * 2, llm=[SURE] * 2, policy=policy)
    answer = ask(services, {**SENTIMENT, "text": INTERNAL})
    assert answer["profile"] is not None
    assert answer["profile"]["sensitivity"] == "internal"
    assert len(services.fakes["llm"].prompts) == (0 if rules else 1)


@pytest.mark.parametrize(
    ("rules", "asked"), [([TIGHT], 0), ([{**TIGHT, "public_may_see": ["none", "internal"]}], 1)]
)
def test_an_internal_passage_stays_too(rules: list[Any], asked: int, tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[LEAVE_IS], llm=[LEAVE_IS] * 2, policy={"rules": rules})
    services.hits = [hit("leave.md", "Leave", f"{LEAVE} Ask Mr. Smith.", 0.8)]
    answer = ask(services, QUESTION)
    assert answer["profile"] is not None
    assert answer["profile"]["sensitivity"] == "none"
    assert len(services.fakes["llm"].prompts) == asked


def test_a_rule_does_not_take_back_what_is_redacted(tmp_path: Path) -> None:
    privacy = {"leave": {"PERSON": "redact"}}
    services = FakeServices(tmp_path, llm=[SURE], privacy=privacy, policy={"rules": [TIGHT]})
    ask(services, {**SENTIMENT, "text": INTERNAL})
    (prompt,) = services.fakes["llm"].prompts
    assert "Smith" not in str(prompt.messages)


def test_the_rule_of_a_run_holds_for_what_it_delegates(tmp_path: Path) -> None:
    policy = {"rules": [{"name": "r", "when": {"task": "sentiment"}, "first_tier": "llm"}]}
    services = FakeServices(tmp_path, slm=[SURE], llm=[SURE], policy=policy)
    parent: Any = {
        "run_id": "parent",
        "deadline": time.time() + 60,
        "profile": profile(latency="async", public_may_see=["none"]),
        "decision": decision(),
    }
    services.ledger.start("parent", {"text": ""})
    delegate = Subtasks(build(services))(parent, Context(), [])
    delegate({**SENTIMENT, "text": INTERNAL})  # type: ignore[typeddict-item]
    assert services.fakes["llm"].prompts == []


def test_a_caller_may_tighten_and_not_loosen(tmp_path: Path) -> None:
    policy = {"rules": [{"name": "r", "first_tier": "llm"}]}
    services = FakeServices(tmp_path, slm=[SURE] * 2, llm=[SURE] * 2, policy=policy)
    personal = {**SENTIMENT, "text": "Mail ann@example.com."}
    ask(services, personal, Context(public_may_see=("none", "personal", "secret")))
    ask(services, {**SENTIMENT, "text": INTERNAL}, Context(public_may_see=("none",)))
    assert services.fakes["llm"].prompts == []
