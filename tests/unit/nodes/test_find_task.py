from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from tandem.errors import ModelUnavailable
from tandem.graphs.tasks import Tasks
from tandem.models.tier import Token
from tandem.nodes.find_task import FindTask
from tandem.nodes.state import State
from tandem.records import Attempt, Request
from tandem.routing.head import HeadReading
from tandem.routing.policy import LlmAccess
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.ledger.rows import profile
from tests.unit.services import FakeServices

PUBLIC = LlmAccess(llm_is_private=False, public_may_see=("none",))
BARRED = LlmAccess(llm_is_private=False, public_may_see=())


@dataclass
class FixedHead:
    """A HeadReader that sees what the test says."""

    probabilities: Mapping[str, float] = field(default_factory=dict)
    hardness: Mapping[str, float] = field(default_factory=dict)
    why_not: str = "there is none"

    def read(self, _request: Request) -> HeadReading | None:
        return HeadReading(self.probabilities) if self.probabilities else None

    def complexity(self, _request: Request, task: str) -> float | None:
        return self.hardness.get(task)


@dataclass
class Found:
    task: str
    confidence: float
    complexity: float | None
    reasons: list[str]
    attempts: list[Attempt]


def find(
    tmp_path: Path,
    request: Request,
    head: FixedHead,
    slm: FakeTierCall | None = None,
    access: LlmAccess = PUBLIC,
) -> Found:
    services = FakeServices(tmp_path)
    services.__dict__["head_reader"] = head
    own = profile(task="", task_confidence=0.0, reasons=[])
    state: Any = {"request": request, "profile": own, "run_id": "r1"}
    services.ledger.start("r1", request)
    reader = (lambda _tier: slm) if slm else None
    found = FindTask(services, Tasks(services))(cast("State", state), access, reader)
    services.close()
    return Found(own["task"], own["task_confidence"], own["complexity"], own["reasons"], found)


def reads(words: str, probability: float = 0.9) -> FakeTierCall:
    """The SLM names a kind of request with this probability, and else one of two others."""
    first = words.split(maxsplit=1)[0]
    rest = math.log((1 - probability) / 2)
    shares = {first: math.log(probability), "calculation": rest, "policy": rest}
    tokens = (Token(first, shares[first], shares), Token(words.removeprefix(first), -0.01, {}))
    return FakeTierCall([completion(words, tokens=tokens)])


def test_what_the_caller_declares_is_not_read(tmp_path: Path) -> None:
    found = find(tmp_path, {"text": "a", "task": "faq"}, FixedHead({"draft": 1.0}), reads("x"))
    assert (found.task, found.confidence, found.attempts) == ("faq", 1.0, [])
    assert found.reasons == ["task faq (1.00): declared by the caller"]


@pytest.mark.parametrize(
    ("fields", "task"),
    [({"output_schema": "invoice"}, "extraction"), ({"template": "Dear {name}"}, "draft")],
)
def test_fields_give_the_task_away(tmp_path: Path, fields: Any, task: str) -> None:
    found = find(tmp_path, {"text": "a", **fields}, FixedHead({"faq": 1.0}))
    assert (found.task, found.confidence) == (task, 1.0)


@pytest.mark.parametrize(
    ("seen", "task", "confidence"),
    [
        ({"faq": 0.9, "sentiment": 0.06, "document_classification": 0.04}, "sentiment", 0.6),
        ({"document_classification": 0.9, "sentiment": 0.1}, "document_classification", 0.9),
        ({}, "document_classification", 1.0),
    ],
)
def test_labels_ask_for_a_choice_of_the_kind_that_the_head_sees(
    tmp_path: Path, seen: dict[str, float], task: str, confidence: float
) -> None:
    found = find(tmp_path, {"text": "a", "labels": ["x", "y"]}, FixedHead(seen), reads("x"))
    assert (found.task, found.attempts) == (task, [])
    assert found.confidence == pytest.approx(confidence)


def test_a_sure_head_costs_no_model_call(tmp_path: Path) -> None:
    found = find(tmp_path, {"text": "a"}, FixedHead({"draft": 0.8, "faq": 0.2}), reads("x"))
    assert (found.task, found.confidence, found.attempts) == ("draft", 0.8, [])
    assert found.reasons == ["task draft (0.80): seen by the routing head"]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ("other", "no task"),
        ("extraction", "`output_schema` is not given"),
        ("document_classification", "`labels` is not given"),
        ("poetry", "which is no task here"),
    ],
)
def test_what_is_no_task_goes_to_the_llm(tmp_path: Path, seen: str, told: str) -> None:
    head = FixedHead({seen: 0.9, "faq": 0.1}, {"reasoning": 0.8})
    found = find(tmp_path, {"text": "a"}, head, reads("x"))
    assert (found.task, found.confidence, found.attempts) == ("reasoning", 0.9, [])
    assert found.complexity is None
    assert told in found.reasons[-1]


def test_of_what_the_head_is_not_sure_the_slm_reads(tmp_path: Path) -> None:
    head = FixedHead({"faq": 0.3, "draft": 0.3, "agent": 0.4 - 1e-9})
    found = find(tmp_path, {"text": "a"}, head, reads("message to write"))
    assert found.task == "draft"
    assert len(found.attempts) == 1
    assert "read by the SLM" in found.reasons[-1]


def test_what_neither_is_sure_of_is_unclear(tmp_path: Path) -> None:
    head = FixedHead({"faq": 0.3, "draft": 0.2, "agent": 0.25, "research": 0.25})
    found = find(tmp_path, {"text": "a"}, head, reads("message to write", probability=0.4))
    assert (found.task, found.confidence) == ("reasoning", 0.0)
    assert found.reasons == [
        "the SLM read it as draft (0.40, below 0.50)",
        "the routing head saw faq (0.30, below 0.40)",
        "task reasoning (0.00): unclear: the LLM answers directly",
    ]


def test_where_the_llm_must_not_see_it_the_best_guess_holds(tmp_path: Path) -> None:
    head = FixedHead({"other": 0.35, "faq": 0.3, "draft": 0.2, "extraction": 0.15})
    slm = reads("message to write", probability=0.4)
    found = find(tmp_path, {"text": "a"}, head, slm, BARRED)
    assert (found.task, found.confidence) == ("faq", 0.6)
    assert "the LLM must not see it" in found.reasons[-1]


def test_without_a_head_the_slm_reads(tmp_path: Path) -> None:
    found = find(tmp_path, {"text": "a"}, FixedHead(), reads("policy question"))
    assert found.task == "faq"
    assert found.reasons[0] == "the routing head did not read: there is none"


def test_a_failing_slm_leaves_it_unclear(tmp_path: Path) -> None:
    slm = FakeTierCall([ModelUnavailable("It is down.", "Start it.")])
    found = find(tmp_path, {"text": "a"}, FixedHead(), slm, BARRED)
    assert found.task == "reasoning"
    assert "the SLM could not read the task: model_unavailable" in found.reasons
    assert found.attempts[0]["error"] is not None


def test_without_a_reader_no_model_is_asked(tmp_path: Path) -> None:
    found = find(
        tmp_path,
        {"text": "a"},
        FixedHead({"faq": 0.3, "draft": 0.2, "agent": 0.25, "research": 0.25}),
    )
    assert (found.task, found.attempts) == ("reasoning", [])


@pytest.mark.parametrize(("hardness", "told"), [({"faq": 0.71}, True), ({"draft": 0.7}, False)])
def test_complexity_is_of_the_task(tmp_path: Path, hardness: dict[str, float], told: bool) -> None:
    head = FixedHead({"faq": 0.9}, hardness)
    for request in ({"text": "a"}, {"text": "a", "task": "faq"}):
        found = find(tmp_path, cast("Request", request), head)
        assert found.complexity == (0.71 if told else None)
        assert any("complexity 0.71" in reason for reason in found.reasons) is told
