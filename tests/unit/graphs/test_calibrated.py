"""A calibrated label task in the graph: the head, then the SLM, then the LLM; what is promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import SettingsError
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks
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


def test_a_sensitive_request_is_the_heads_or_a_persons(tmp_path: Path) -> None:
    given = services(tmp_path, slm=[UP] * 4)
    calibrate(given, promise("head", threshold=0.999))
    answer = ask(given, CARD + UNCLEAR)
    assert (answer["status"], answer["output"]) == ("needs_review", None)
    assert tiers(answer)[:2] == ["head", "slm"]
    assert given.fakes["llm"].prompts == []


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


@pytest.mark.parametrize(
    ("error_price", "expected"), [(0.01, ["head"]), (100.0, ["head", "slm", "llm"])]
)
def test_cost_weighs_an_errors_price_against_the_llms(
    tmp_path: Path, error_price: float, expected: list[str]
) -> None:
    """The fake LLM asks about 0.1 a call and is right in 0.9 of them."""
    own: Any = {"sentiment": {"escalation": "cost", "error_price": error_price}}
    given = services(tmp_path, slm=[completion("up", tokens=())], llm=["down"], tasks=own)
    calibrate(given, promise("head", "slm", threshold=0.99))
    assert tiers(ask(given, UNCLEAR)) == expected


def test_escalation_needs_a_task_with_scores(tmp_path: Path) -> None:
    own: Any = {"draft": {"escalation": "never"}}
    with pytest.raises(SettingsError, match="does not apply"):
        len(Tasks(services(tmp_path, tasks=own)))
