"""A calibrated label task in the graph: the head, then the SLM, then the LLM; what is promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import EgressBlocked, SettingsError
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks
from tandem.quality.calibration.monotone import Monotone
from tandem.records import Answer
from tests.unit.fakes import completion
from tests.unit.nodes.calibrations import CLEAR, UNCLEAR, calibrate, promise, services
from tests.unit.quality.calibration.rows import LABELS
from tests.unit.services import FakeServices

PROMISED = "of the answers accepted without the LLM for sentiment at least 90 % are right"
CARD = "My card is 4539 1488 0343 6467. "
UP = completion("up", logprob=-0.01)


def ask(given: FakeServices, text: str, **fields: Any) -> Answer:
    request = {"text": text, "task": "sentiment", "labels": list(reversed(LABELS)), **fields}
    answer: Answer = build(given).compile().invoke({"request": request})["answer"]
    return answer


def tiers(answer: Answer) -> list[str]:
    return [attempt["tier"] for attempt in answer["attempts"]]


def test_a_certified_head_answers_without_a_model_call(tmp_path: Path) -> None:
    given = services(tmp_path)
    calibrate(given, promise("head", "slm"))
    answer = ask(given, CLEAR)
    assert (answer["status"], answer["tier"], tiers(answer)) == ("accepted", "head", ["head"])
    assert answer["output"]["label"] == "up"
    assert set(answer["output"]["probabilities"]) == set(LABELS)
    (verdict,) = answer["verdicts"]
    assert verdict["threshold"] == 0.6
    assert verdict["score"] is not None
    assert verdict["score"] >= 0.6
    assert any(PROMISED in reason for reason in answer["reasons"])
    assert answer["cost"] == 0
    assert answer["all_llm_cost"] > 0
    assert answer["all_llm_estimated"]
    run = given.ledger.run(answer["run_id"])
    assert run is not None
    (row,) = run["attempts"]
    assert (row["tier"], row["calls"], row["accepted"]) == ("head", 0, True)
    assert row["score"] == pytest.approx(verdict["score"])


def test_what_the_head_is_unsure_of_goes_to_the_slm_with_examples(tmp_path: Path) -> None:
    given = services(tmp_path, slm=[UP])
    calibrate(given, promise("head", "slm", threshold=0.55))
    answer = ask(given, UNCLEAR)
    assert tiers(answer) == ["head", "slm"]
    assert [verdict["accepted"] for verdict in answer["verdicts"]] == [False, True]
    assert answer["output"]["label"] == "up"
    (prompt,) = given.fakes["slm"].prompts
    assert [turn["role"] for turn in prompt.messages] == [
        "system",
        *["user", "assistant"] * 2,
        "user",
    ]
    assert any(PROMISED in reason for reason in answer["reasons"])


def test_an_slm_below_the_threshold_goes_to_the_llm_with_its_examples(tmp_path: Path) -> None:
    given = services(tmp_path, slm=[completion("up", tokens=())], llm=["down"])
    calibrate(given, promise("head", "slm", threshold=0.97))
    answer = ask(given, UNCLEAR)
    assert tiers(answer) == ["head", "slm", "llm"]
    assert (answer["tier"], answer["output"]["label"]) == ("llm", "down")
    (prompt,) = given.fakes["llm"].prompts
    assert len(prompt.messages) == 4
    assert not any(PROMISED in reason for reason in answer["reasons"])


def test_an_slm_that_no_promise_covers_is_not_asked(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["down"])
    calibrate(given, promise("head"))
    assert tiers(ask(given, UNCLEAR)) == ["head", "llm"]


def test_where_nothing_is_certified_the_llm_answers(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["down"])
    calibrate(given, promise("head", "slm", threshold=None))
    answer = ask(given, CLEAR)
    assert tiers(answer) == ["head", "llm"]
    assert any("no threshold can promise 90 %" in reason for reason in answer["reasons"])


def test_the_asked_quality_chooses_the_promise(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["down", "down"])
    calibrate(given, promise("head", threshold=0.2, target=0.8), promise("head", threshold=0.999))
    assert tiers(ask(given, UNCLEAR, quality=0.8)) == ["head"]
    assert tiers(ask(given, UNCLEAR, quality=0.9)) == ["head", "llm"]
    assert tiers(ask(given, UNCLEAR, quality=0.99)) == ["head", "llm"]


def test_a_sensitive_request_that_no_promise_covers_is_the_heads_draft(tmp_path: Path) -> None:
    """No model is asked in vain: what the SLM says could not leave either."""
    given = services(tmp_path)
    calibrate(given, promise("head", threshold=0.999))
    answer = ask(given, CARD + UNCLEAR)
    assert (answer["status"], answer["output"], tiers(answer)) == ("needs_review", None, ["head"])
    assert answer["draft"]["label"] in LABELS
    assert given.fakes["slm"].prompts == given.fakes["llm"].prompts == []
    assert any("may not go to the LLM" in reason for reason in answer["reasons"])


def test_a_sensitive_request_is_the_slms_where_the_promise_covers_it(tmp_path: Path) -> None:
    given = services(tmp_path, slm=[UP])
    calibrate(given, promise("head", "slm", threshold=0.55))
    answer = ask(given, CARD + UNCLEAR)
    assert (answer["status"], tiers(answer)) == ("accepted", ["head", "slm"])
    assert any(PROMISED in reason for reason in answer["reasons"])


def test_a_sensitive_answer_that_scores_too_low_is_not_asked_for_again(tmp_path: Path) -> None:
    given = services(tmp_path, slm=[UP])
    calibrate(given, promise("head", "slm", threshold=0.999))
    answer = ask(given, CARD + UNCLEAR)
    assert (answer["status"], tiers(answer)) == ("needs_review", ["head", "slm"])
    assert answer["draft"]["label"] == "up"


def test_a_blocked_escalation_asks_no_slm_that_no_promise_covers(tmp_path: Path) -> None:
    """The guard stops at the last moment what the policy would have sent."""
    blocked = EgressBlocked("Nothing was sent.", "Use a private model.")
    given = services(tmp_path, llm=[blocked])
    calibrate(given, promise("head", threshold=0.999))
    answer = ask(given, UNCLEAR)
    assert (answer["status"], tiers(answer)) == ("needs_review", ["head", "llm"])


def test_a_second_try_carries_no_promise(tmp_path: Path) -> None:
    """The first was no label of the set; the second is one, and no calibration saw second tries."""
    given = services(tmp_path, slm=[completion("sideways"), UP])
    calibrate(given, promise("head", "slm", threshold=0.55))
    answer = ask(given, CARD + UNCLEAR)
    assert (answer["status"], tiers(answer)) == ("needs_review", ["head", "slm", "slm"])
    last = answer["verdicts"][-1]
    assert (last["score"], [gate["gate"] for gate in last["failed"]]) == (None, ["score"])
    said = " ".join(answer["reasons"])
    assert "a second try: no calibration saw any" in said
    assert PROMISED not in said


def test_another_prompt_of_the_llm_is_told_and_nothing_is_assumed_of_it(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["down"])
    made = calibrate(given, promise("head"))
    assert made.llm
    calibrate(given, promise("head"), llm=replace(made.llm, prompt="other"))
    answer = ask(given, UNCLEAR)
    (prompt,) = given.fakes["llm"].prompts
    assert len(prompt.messages) == 2
    assert any("another prompt of the LLM" in reason for reason in answer["reasons"])


@pytest.mark.parametrize("change", ["identity", "prompt"])
def test_another_slm_or_prompt_falls_back_to_the_margin_and_says_so(
    tmp_path: Path, change: str
) -> None:
    given = services(tmp_path, slm=[UP])
    made = calibrate(given, promise("head", "slm", threshold=0.2))
    assert made.slm
    calibrate(given, promise("head", "slm"), slm=replace(made.slm, **{change: "other"}))  # type: ignore[arg-type]
    answer = ask(given, UNCLEAR)
    assert tiers(answer) == ["head", "slm"]
    assert answer["status"] == "accepted"
    assert answer["verdicts"][-1]["score"] is None
    said = " ".join(answer["reasons"])
    assert "another" in said
    assert "margin" in said
    assert PROMISED not in said
    assert len(given.fakes["slm"].prompts[0].messages) == 2


def test_own_examples_are_not_what_was_measured(tmp_path: Path) -> None:
    given = services(tmp_path, slm=[UP])
    calibrate(given, promise("head", "slm", threshold=0.2))
    answer = ask(given, UNCLEAR, examples=[{"text": "gold sleeps", "output": "none"}])
    assert answer["verdicts"][-1]["score"] is None
    assert [t["content"] for t in given.fakes["slm"].prompts[0].messages[1:3]] == [
        "gold sleeps",
        "none",
    ]


@pytest.mark.parametrize("spoil", ["embeddings", "file"])
def test_a_calibration_that_cannot_be_used_is_told(tmp_path: Path, spoil: str) -> None:
    given = services(tmp_path, slm=[UP])
    calibrate(given, promise("head"), **({"embeddings": "x"} if spoil == "embeddings" else {}))
    if spoil == "file":
        (path,) = (tmp_path / ".tandem/calibration").glob("*.json")
        path.write_text("{")
    answer = ask(given, CLEAR)
    assert tiers(answer) == ["slm"]
    assert any("not used" in reason for reason in answer["reasons"])


def test_without_a_calibration_nothing_changes(tmp_path: Path) -> None:
    answer = ask(services(tmp_path, slm=[UP]), CLEAR)
    assert (answer["tier"], answer["verdicts"][0]["score"]) == ("slm", None)


@pytest.mark.parametrize(
    ("escalation", "text", "expected"),
    [
        ("never", CLEAR, ["head"]),
        ("never", UNCLEAR, ["head", "slm"]),
        ("always", CLEAR, ["llm"]),
    ],
)
def test_escalation_by_settings(
    tmp_path: Path, escalation: str, text: str, expected: list[str]
) -> None:
    own: Any = {"sentiment": {"escalation": escalation}}
    given = services(tmp_path, slm=[UP], llm=[UP], tasks=own)
    calibrate(given, promise("head", "slm", threshold=0.99))
    assert tiers(ask(given, text)) == expected


COST: Any = {"sentiment": {"escalation": "cost", "error_price": 100.0}}


@pytest.mark.parametrize(
    ("error_price", "benefit", "expected"),
    [
        (0.01, None, ["head"]),
        (100.0, None, ["head", "slm", "llm"]),
        (100.0, 0.3, ["head"]),
        (100.0, 0.95, ["head", "slm", "llm"]),
    ],
)
def test_cost_weighs_what_the_llm_gains_against_its_price(
    tmp_path: Path, error_price: float, benefit: float | None, expected: list[str]
) -> None:
    """The fake LLM asks about 0.1 a call. It is right in 0.9 of them, or as often as the benefit
    says of such scores: where it is no better than what it would replace, it gains nothing."""
    own: Any = {"sentiment": {"escalation": "cost", "error_price": error_price}}
    given = services(tmp_path, slm=[completion("up", tokens=())], llm=["down"], tasks=own)
    known = None if benefit is None else Monotone((0.0, 1.0), (benefit, benefit))
    calibrate(given, promise("head", "slm", threshold=0.99), benefit=known)
    answer = ask(given, UNCLEAR)
    assert tiers(answer) == expected
    assert not any(PROMISED in reason for reason in answer["reasons"])


def test_cost_goes_by_the_promise_where_the_llms_gain_is_not_known(tmp_path: Path) -> None:
    given = services(tmp_path, llm=["down"], tasks=COST)
    calibrate(given, promise("head", threshold=0.99), llm=None)
    answer = ask(given, UNCLEAR)
    assert tiers(answer) == ["head", "llm"]
    assert any("the promise decides instead of cost" in reason for reason in answer["reasons"])


def test_cost_keeps_a_sensitive_answer_that_the_llm_would_better_for_a_person(
    tmp_path: Path,
) -> None:
    given = services(tmp_path, slm=[completion("up", tokens=())], tasks=COST)
    calibrate(given, promise("head", "slm", threshold=0.99))
    assert ask(given, CARD + UNCLEAR)["status"] == "needs_review"


def test_cost_needs_the_price_of_an_error(tmp_path: Path) -> None:
    own: Any = {"sentiment": {"escalation": "cost"}}
    with pytest.raises(SettingsError, match="none has a price"):
        len(Tasks(services(tmp_path, tasks=own)))


def test_never_lets_an_slm_answer_that_has_no_score(tmp_path: Path) -> None:
    """A calibration of the head alone says nothing of the SLM."""
    own: Any = {"sentiment": {"escalation": "never"}}
    given = services(tmp_path, slm=[UP], tasks=own)
    calibrate(given, promise("head", threshold=0.99), slm=None, score=None)
    answer = ask(given, UNCLEAR)
    assert (answer["status"], tiers(answer)) == ("accepted", ["head", "slm"])


def test_always_leaves_a_sensitive_answer_unverified(tmp_path: Path) -> None:
    own: Any = {"sentiment": {"escalation": "always"}}
    given = services(tmp_path, tasks=own)
    calibrate(given, promise("head", threshold=0.2))
    answer = ask(given, CARD + UNCLEAR)
    assert (answer["status"], tiers(answer)) == ("unverified", ["head"])
    assert not any(PROMISED in reason for reason in answer["reasons"])


def test_escalation_needs_a_task_with_scores(tmp_path: Path) -> None:
    own: Any = {"draft": {"escalation": "never"}}
    with pytest.raises(SettingsError, match="does not apply"):
        len(Tasks(services(tmp_path, tasks=own)))
