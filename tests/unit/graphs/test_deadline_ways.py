"""What a deadline makes of the graph's ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.errors import DeadlineExceeded
from tandem.nodes.record import outcome
from tandem.routing.policy import DEGRADED, UNVERIFIED
from tests.unit.graphs.ways import (
    SENTIMENT,
    SOON,
    SURE,
    UNSURE,
    WRONG,
    ask,
    measure,
    said,
)
from tests.unit.ledger.rows import attempt, decision, verdict
from tests.unit.services import FakeServices


def test_an_escalation_that_cannot_end_in_time_is_not_begun(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[UNSURE], llm=[SURE])
    measure(services, "llm", 9.0)
    answer = ask(services, SOON)
    assert (answer["status"], answer["error"]) == ("unverified", None)
    assert answer["output"]["label"] == "positive"
    assert services.fakes["llm"].prompts == []
    assert said(answer, "an escalation takes 9.00 s (p95 of 20)")
    assert said(answer, "margin")


def test_an_unverified_answer_can_be_refused_by_the_request(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[UNSURE])
    measure(services, "llm", 9.0)
    answer = ask(services, {**SOON, "on_late": "error"})
    assert (answer["status"], answer["output"]) == ("failed", None)
    assert answer["draft"]["label"] == "positive"
    assert answer["error"] is not None
    assert answer["error"]["code"] == DeadlineExceeded.code


def test_what_fails_a_hard_gate_is_not_served_however_late_it_is(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[WRONG])
    measure(services, "llm", 9.0)
    answer = ask(services, SOON)
    assert (answer["status"], answer["output"]) == ("needs_review", None)


def test_an_escalation_that_the_deadline_cut_leaves_the_unsure_answer(tmp_path: Path) -> None:
    late = DeadlineExceeded("The time allowed ran out.", "Allow more time.")
    for on_late, status in (("unverified", "unverified"), ("error", "failed")):
        services = FakeServices(tmp_path, slm=[UNSURE], llm=[late])
        assert ask(services, {**SOON, "on_late": on_late})["status"] == status


def test_where_nothing_is_measured_the_escalation_is_tried(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[UNSURE], llm=[SURE])
    assert ask(services, SOON)["tier"] == "llm"


def test_a_deadline_starts_on_the_tier_that_is_in_time(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, llm=[SURE])
    measure(services, "slm", 9.0)
    measure(services, "llm", 0.1)
    answer = ask(services, SOON)
    assert answer["tier"] == "llm"
    assert said(answer, "the SLM takes 9.00 s (p95 of 20)")
    waiting = FakeServices(tmp_path, slm=[SURE])
    assert ask(waiting, {**SOON, "latency": "async"})["tier"] == "slm"


def test_what_the_slm_does_for_an_llm_that_is_too_slow_is_marked(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=["2 + 2 = 4\nAnswer: 4"])
    measure(services, "llm", 9.0, "reasoning")
    measure(services, "slm", 0.1, "reasoning")
    answer = ask(services, {"text": "What is 2 + 2?", "task": "reasoning", "deadline_ms": 2000})
    assert (answer["status"], answer["tier"]) == ("unverified", "slm")
    assert DEGRADED in answer["reasons"]


@pytest.mark.parametrize(("tier", "status"), [("slm", "unverified"), ("llm", "accepted")])
def test_the_mark_does_not_bind_what_the_llm_did_after_all(tier: str, status: str) -> None:
    state: Any = {
        "attempts": [attempt(tier=tier)],
        "verdicts": [verdict()],
        "decision": decision(reasons=[DEGRADED]),
    }
    assert outcome(state, "unverified") == (status, None)


@pytest.mark.parametrize("of_decision", [True, False])
def test_a_reason_that_says_unverified_holds_whoever_answered(of_decision: bool) -> None:
    why = [f"{UNVERIFIED}a person has to look"]
    state: Any = {
        "attempts": [attempt(tier="llm")],
        "verdicts": [{**verdict(), "notes": [] if of_decision else why}],
        "decision": decision(reasons=why if of_decision else []),
    }
    assert outcome(state, "unverified") == ("unverified", None)


def test_the_time_that_the_llm_usually_takes_is_part_of_what_it_would_have_cost(
    tmp_path: Path,
) -> None:
    services = FakeServices(tmp_path, slm=[SURE] * 2)
    free = ask(services, SENTIMENT)["all_llm_cost"]
    measure(services, "llm", 4.0)
    services.speeds.refresh_s = 0.0
    services.fakes["llm"].per_second = 0.5
    assert ask(services, SENTIMENT)["all_llm_cost"] == pytest.approx(free + 2.0)
