"""Calibrating a task without labels, and the gate that comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandem.errors import InvalidRequest
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks, calibrations
from tandem.loop.calibrate_signals import (
    KnownRow,
    SignalCalibrator,
    SignalOutcome,
    agrees,
    is_right,
    read_known,
    told,
)
from tandem.loop.options import Options
from tandem.models.tier import Completion
from tandem.nodes.scored import ScoredTask
from tandem.nodes.stages import OwnJudgement
from tandem.quality.calibration.threshold import Promise
from tests.unit.fakes import completion
from tests.unit.services import FakeServices

SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
ROWS = 400


def request(number: int, **fields: Any) -> dict[str, Any]:
    text = f"Ticket {number}: from Rome to Oslo."
    return {"text": text, "output_schema": SCHEMA, "task": "extraction", **fields}


def replies(rows: int = ROWS) -> Iterator[Completion]:
    """Oslo, surely; sometimes Rome, less surely, which is wrong."""
    generator = np.random.default_rng(4)
    for _ in range(rows):
        right = generator.random() < 0.75
        logprob = -abs(generator.normal(0.05 if right else 1.2, 0.1))
        yield completion(json.dumps({"city": "Oslo" if right else "Rome"}), logprob=logprob)


def calibrated(services: FakeServices) -> SignalOutcome:
    rows: list[Any] = [KnownRow(request(at), {"city": "oslo"}) for at in range(ROWS)]  # type: ignore[arg-type]
    return SignalCalibrator(services, Tasks(services)["extraction"], Options()).run(rows)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> SignalOutcome:
    return calibrated(FakeServices(tmp_path_factory.mktemp("signals"), slm=replies()))  # type: ignore[arg-type]


def ask(services: FakeServices, **fields: Any) -> Any:
    return build(services).compile().invoke({"request": request(7, **fields)})["answer"]


def sure(city: str, logprob: float) -> Completion:
    return completion(json.dumps({"city": city}), logprob=logprob)


def test_a_score_over_signals_is_certified(outcome: SignalOutcome) -> None:
    assert outcome.figures["AUROC"] > 0.9
    made = outcome.calibration.promise(0.9)
    assert made is not None
    assert made.share > 0.5
    report = "\n".join(told(outcome, 0.9))
    assert "Promise: of the answers accepted without the LLM for extraction" in report
    assert "observed precision" in report


def test_in_force_it_sends_the_unsure_to_the_llm_and_tells_the_promise(
    outcome: SignalOutcome, tmp_path: Path
) -> None:
    slm, llm = [sure("Oslo", -0.01), sure("Rome", -2.0)], [sure("Oslo", -0.01)]
    services = FakeServices(tmp_path, slm=slm, llm=llm)
    calibrations(services.settings).save(outcome.calibration)
    answer = ask(services)
    assert answer["tier"] == "slm"
    assert answer["verdicts"][0]["score"] >= answer["verdicts"][0]["threshold"]
    assert any("at least 90 % are right" in reason for reason in answer["reasons"])
    answer = ask(services)
    assert answer["tier"] == "llm"
    assert [gate["gate"] for gate in answer["verdicts"][0]["failed"]] == ["score"]
    assert not any("at least 90 % are right" in reason for reason in answer["reasons"])


def test_a_hard_gate_is_never_outvoted(outcome: SignalOutcome, tmp_path: Path) -> None:
    invented = sure("Paris", -0.001)
    services = FakeServices(tmp_path, slm=[invented], llm=[sure("Oslo", -0.01)])
    calibrations(services.settings).save(outcome.calibration)
    answer = ask(services)
    assert answer["tier"] == "llm"
    assert "score" not in {gate["gate"] for gate in answer["verdicts"][0]["failed"]}


def test_where_nothing_is_promised_the_llm_answers(outcome: SignalOutcome, tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[sure("Oslo", -0.01)], llm=[sure("Oslo", -0.01)])
    none = Promise(("slm",), 0.9, 0.9, None, 80, 0, 0)
    calibrations(services.settings).save(replace(outcome.calibration, promises=(none,)))
    answer = ask(services)
    assert answer["tier"] == "llm"
    assert any("no threshold can promise 90 %" in reason for reason in answer["reasons"])


@pytest.mark.parametrize("change", ["identity", "prompt"])
def test_another_slm_or_prompt_leaves_the_gates_as_they_are(
    outcome: SignalOutcome, tmp_path: Path, change: str
) -> None:
    services = FakeServices(tmp_path, slm=[sure("Oslo", -2.0)])
    changed: Any = {change: "other"}
    calibrations(services.settings).save(replace(outcome.calibration, **changed))
    answer = ask(services)
    assert answer["tier"] == "slm"
    assert any("gates only" in reason for reason in answer["reasons"])


def test_a_damaged_file_changes_nothing(outcome: SignalOutcome, tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[sure("Oslo", -2.0)])
    calibrations(services.settings).save(outcome.calibration).write_text("{")
    assert not isinstance(Tasks(services)["extraction"], ScoredTask)
    assert ask(services)["tier"] == "slm"


def test_a_scored_task_is_judged_by_its_own_score(outcome: SignalOutcome, tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    calibrations(services.settings).save(outcome.calibration)
    task = Tasks(services)["extraction"]
    assert isinstance(task, OwnJudgement)
    assert (task.name, task.node, task.first_tier) == ("extraction", "extract", "slm")


def test_signals_that_tell_nothing_are_refused(tmp_path: Path) -> None:
    same = [sure("Oslo", -0.1) for _ in range(ROWS)]
    with pytest.raises(InvalidRequest, match="No score can be fitted"):
        calibrated(FakeServices(tmp_path, slm=same))


@pytest.mark.parametrize(
    ("output", "expected", "right"),
    [
        ({"city": "Oslo", "day": 3}, {"city": " OSLO"}, True),
        ({"city": "Oslo"}, {"city": "Oslo", "day": 3}, False),
        ({"answer": "It is  Oslo, of course."}, "oslo", True),
        ({"answer": "Rome"}, "Oslo", False),
        ("Oslo", "oslo", True),
        (None, {"city": "Oslo"}, False),
        (3, 3, True),
    ],
)
def test_what_agrees(output: Any, expected: Any, right: bool) -> None:
    assert agrees(output, expected) is right


@pytest.mark.parametrize(
    ("expected", "right"),
    [
        ("leave.md", True),
        ("other.md", False),
        ("", False),
        ({"source": "leave.md", "passage": "Parking is free."}, False),
        ({"answer": "six hours"}, True),
    ],
)
def test_an_answer_from_the_knowledge_base_is_right_by_its_page(expected: Any, right: bool) -> None:
    output = {"answer": "Six hours", "citations": [{"source": "leave.md"}], "found": True}
    row = KnownRow({"text": "How much leave?"}, expected)
    assert is_right("faq", output, row) is right


@pytest.mark.parametrize("line", ["{", "[1]", '{"text": "QUINCE"}', '{"expected": 1}'])
def test_a_row_that_is_none_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(f'\n{{"input": "x", "expected": 1}}\n{line}\n')
    with pytest.raises(InvalidRequest, match=r"rows\.jsonl:3") as caught:
        read_known(file, "faq")
    assert "QUINCE" not in str(caught.value)
