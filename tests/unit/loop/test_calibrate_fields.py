"""Calibrating extraction field by field, and the gate that comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tandem.errors import InvalidRequest, SettingsError
from tandem.graphs.hybrid import build
from tandem.graphs.tasks import Tasks, calibrations
from tandem.loop.calibrate_fields import (
    FieldCalibrator,
    FieldOutcome,
    by_field,
    refuse_untold,
    told,
)
from tandem.loop.calibrate_signals import KnownRow, Tried
from tandem.loop.options import Options
from tandem.models.tier import Completion
from tandem.nodes.extract import Extract
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.label_acceptance import Rules
from tandem.nodes.scored_fields import ScoredFieldsTask, key_of
from tandem.nodes.stages import UNSEEN
from tandem.quality.calibration.field_calibration import FieldCalibration
from tandem.quality.calibration.store import Calibrations
from tandem.records import GateFailure
from tests.unit.fakes import completion
from tests.unit.services import FakeServices

SCHEMA: Any = {
    "type": "object",
    "properties": {"start": {"type": "string"}, "city": {"type": "string"}},
    "required": ["start", "city"],
}
ROWS = 250


def request(number: int, **fields: Any) -> dict[str, Any]:
    text = f"Ticket {number}:\nfrom Rome\nto Oslo or Bonn."
    return {"text": text, "output_schema": SCHEMA, "task": "extraction", **fields}


def reply(city: str, logprob: float) -> Completion:
    """The start is right however sure the model is; the city where it is sure."""
    return completion(json.dumps({"start": "Rome", "city": city}), logprob=logprob)


def replies() -> Iterator[Completion]:
    generator = np.random.default_rng(4)
    for _ in range(ROWS):
        right = generator.random() < 0.75
        logprob = -abs(generator.normal(0.05 if right else 1.2, 0.1))
        yield reply("Oslo" if right else "Bonn", logprob)


def calibrated(services: FakeServices, rows: list[Any]) -> FieldOutcome:
    known = [KnownRow(row, {"start": "rome", "city": "OSLO"}) for row in rows]
    return FieldCalibrator(services, Extract(services.document_text), Options()).run(known)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> FieldOutcome:
    services = FakeServices(tmp_path_factory.mktemp("fields"), slm=replies())  # type: ignore[arg-type]
    return calibrated(services, [request(at) for at in range(ROWS)])


def put(services: FakeServices, made: FieldCalibration) -> None:
    calibrations(services.settings).save(made)


def ask(services: FakeServices, **fields: Any) -> Any:
    return build(services).compile().invoke({"request": request(7, **fields)})["answer"]


def test_each_field_has_its_own_promise(outcome: FieldOutcome) -> None:
    start, city = (outcome.calibration.fields[name] for name in ("start", "city"))
    sure, unsure = start.promise(0.9), city.promise(0.9)
    assert sure is not None
    assert unsure is not None
    assert (sure.share, sure.errors) == (1.0, 0)
    assert 0.5 < unsure.share < 0.95
    report = "\n".join(told(outcome, 0.9))
    assert "accepted without the LLM for extraction.city at least 90 % are right" in report


def test_only_the_field_in_doubt_is_asked_again(outcome: FieldOutcome, tmp_path: Path) -> None:
    llm = [completion(json.dumps({"city": "Oslo"}))]
    services = FakeServices(tmp_path, slm=[reply("Bonn", -1.3)], llm=llm)
    put(services, outcome.calibration)
    answer = ask(services)
    assert answer["output"] == {"start": "Rome", "city": "Oslo"}
    failed = answer["verdicts"][0]["failed"]
    assert [gate["gate"] for gate in failed] == ["score"]
    assert failed[0]["detail"].startswith("city: score 0.")
    assert "is below" in failed[0]["detail"]
    prompt = services.tier("llm").bound[0].prompts[0]  # type: ignore[attr-defined]
    assert list(prompt.schema["properties"]) == ["city"]
    assert "score" not in prompt.messages[-1]["content"]


def test_sure_values_leave_with_what_is_promised(outcome: FieldOutcome, tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[reply("Oslo", -0.02)])
    put(services, outcome.calibration)
    answer = ask(services)
    assert answer["tier"] == "slm"
    assert answer["verdicts"][0]["score"] >= answer["verdicts"][0]["threshold"]
    assert any("extraction.city" in reason for reason in answer["reasons"])


def test_where_nothing_is_promised_the_field_goes_to_the_llm(
    outcome: FieldOutcome, tmp_path: Path
) -> None:
    llm = [completion(json.dumps({"start": "Rome"}))]
    services = FakeServices(tmp_path, slm=[reply("Oslo", -0.02)], llm=llm)
    made = outcome.calibration
    nothing = replace(made.fields["start"], promises=())
    put(services, replace(made, fields={**made.fields, "start": nothing}))
    answer = ask(services)
    assert answer["verdicts"][0]["failed"][0]["detail"].startswith("start: no threshold")
    assert answer["output"] == {"start": "Rome", "city": "Oslo"}


@pytest.mark.parametrize("change", ["identity", "prompt", "key"])
def test_what_was_not_measured_is_judged_by_the_gates(
    outcome: FieldOutcome, tmp_path: Path, change: str
) -> None:
    services = FakeServices(tmp_path, slm=[reply("Bonn", -2.0)])
    changed: Any = {change: "other"}
    put(services, replace(outcome.calibration, **changed))
    answer = ask(services)
    assert answer["tier"] == "slm"
    assert any("gates only" in reason for reason in answer["reasons"]) is (change != "key")


def test_a_hard_gate_s_field_is_not_told_twice(outcome: FieldOutcome, tmp_path: Path) -> None:
    llm = [completion(json.dumps({"city": "Oslo"}))]
    services = FakeServices(tmp_path, slm=[reply("Paris", -2.0)], llm=llm)
    put(services, outcome.calibration)
    failed = ask(services)["verdicts"][0]["failed"]
    assert [gate["gate"] for gate in failed] == ["grounded"]


WITH_DAY: Any = {
    **SCHEMA,
    "properties": {**SCHEMA["properties"], "day": {"type": "string"}},
    "required": ["start", "city", "day"],
}


def with_day(outcome: FieldOutcome, services: FakeServices) -> None:
    """The calibration as one of a schema with a field that was not measured."""
    prepared = Extract(services.document_text).prepare(
        request(7, output_schema=WITH_DAY),  # type: ignore[arg-type]
        {},  # type: ignore[typeddict-item]
    )
    put(services, replace(outcome.calibration, key=key_of(prepared)))


def test_a_gate_on_an_unmeasured_field_lets_no_low_score_leave(
    outcome: FieldOutcome, tmp_path: Path
) -> None:
    first = completion(json.dumps({"start": "Rome", "city": "Bonn", "day": "Friday"}), logprob=-1.3)
    llm = [completion(json.dumps({"city": "Oslo", "day": "Ticket"}))]
    services = FakeServices(tmp_path, slm=[first], llm=llm)
    with_day(outcome, services)
    answer = ask(services, output_schema=WITH_DAY)
    failed = answer["verdicts"][0]["failed"]
    assert [gate["gate"] for gate in failed] == ["grounded", "score"]
    assert failed[1]["detail"].startswith("city: score")
    assert answer["output"] == {"start": "Rome", "city": "Oslo", "day": "Ticket"}


def failure(detail: str) -> GateFailure:
    return GateFailure(gate="grounded", detail=detail)


@pytest.mark.parametrize(
    ("failed", "signals", "kept"),
    [
        ([], {}, {"start", "city"}),
        ([failure("city: not in the text")], {}, {"start"}),
        ([failure("day: not in the text")], {}, {"start", "city"}),
        ([failure("no object")], {}, set()),
        ([], {"dropped:city": 1.0}, {"start"}),
    ],
)
def test_what_is_certified_is_what_leaves(
    outcome: FieldOutcome, failed: list[GateFailure], signals: dict[str, float], kept: set[str]
) -> None:
    """Calibration counts a value as one that may leave exactly where the check lets it."""
    tried: Any = {
        "error": None,
        "tier": "slm",
        "output": {"start": "Rome", "city": "Oslo"},
        "signals": {"min_logprob": -0.01, **signals},
    }
    prepared: Any = {"schema": WITH_DAY, "source": "from Rome to Oslo", "examples": []}
    expected = {"start": "Rome", "city": "Oslo"}
    rows = by_field([KnownRow(request(1), expected)], [Tried(prepared, tried, failed)])  # type: ignore[arg-type]
    assert {name for name, row in rows.items() if row.passed[0]} == kept
    plain: Any = SimpleNamespace(name="extraction", check=lambda *_: failed)
    made = replace(outcome.calibration, key=key_of(prepared), prompt=source_sum(plain))
    task = ScoredFieldsTask(plain, Rules(), plain, {made.key: made}, made.identity)
    refused = {word for one in task.check(prepared, tried) for word in one["detail"].split(":")[:1]}
    leaves = set() if "no object" in refused else expected.keys() - refused
    assert leaves == kept


def test_a_value_where_the_document_has_none_counts_as_wrong() -> None:
    rows = [KnownRow(request(at), {"start": "Rome", "city": None}) for at in range(2)]  # type: ignore[arg-type]
    outputs: list[Any] = [{"start": "Rome", "city": "Oslo"}, {"start": "Rome", "city": None}]
    tried: Any = [
        Tried(
            {"schema": SCHEMA, "source": "Rome"},
            {"error": None, "output": output, "signals": {}},  # type: ignore[typeddict-item]
            [],
        )
        for output in outputs
    ]
    assert by_field(rows, tried)["city"].right.tolist() == [False, True]


@pytest.mark.parametrize(
    ("expected", "said"), [({"start": "Rome"}, "not tell of 'city'"), ("Rome", "no object")]
)
def test_rows_that_do_not_tell_of_all_fields_are_refused(expected: Any, said: str) -> None:
    whole = KnownRow(request(1), {"start": "Rome", "city": None})  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=said):
        refuse_untold([whole, KnownRow(request(2), expected)])  # type: ignore[arg-type]


def test_a_second_try_leaves_under_no_promise(outcome: FieldOutcome, tmp_path: Path) -> None:
    """A secret document stays with the SLM; its second try meets the gates, and is a draft."""
    services = FakeServices(tmp_path, slm=[reply("Paris", -0.02), reply("Oslo", -0.02)])
    put(services, outcome.calibration)
    answer = ask(services, sensitivity="secret")
    assert answer["status"] == "needs_review"
    assert answer["draft"] == {"start": "Rome", "city": "Oslo"}
    assert [gate["detail"] for gate in answer["verdicts"][-1]["failed"]] == [UNSEEN]
    assert not any("are right" in reason for reason in answer["reasons"])


def test_what_only_scores_too_low_is_not_tried_again(outcome: FieldOutcome, tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=[reply("Bonn", -1.3)])
    put(services, outcome.calibration)
    answer = ask(services, sensitivity="secret")
    assert (answer["status"], len(answer["attempts"])) == ("needs_review", 1)


def test_a_calibration_is_in_force_in_a_running_process(
    outcome: FieldOutcome, tmp_path: Path
) -> None:
    services = FakeServices(tmp_path, slm=[reply("Bonn", -1.3)] * 3, llm=[reply("Oslo", 0)])
    graph = build(services).compile()

    def tier() -> str:
        answer = graph.invoke({"request": request(7)})["answer"]
        return str(answer["tier"])

    assert tier() == "slm"
    put(services, outcome.calibration)
    assert tier() == "llm"
    folder = services.settings.path(services.settings.calibration.dir)
    next(folder.glob("*.json")).unlink()
    assert tier() == "slm"


def test_the_file_is_read_as_it_was_written(outcome: FieldOutcome, tmp_path: Path) -> None:
    store, made = Calibrations([tmp_path]), outcome.calibration
    path = store.save(made)
    assert store.find_fields("extraction") == {made.key: made}
    assert path.stat().st_mode & 0o077 == 0
    path.write_text('{"format": 1}')
    assert store.find_fields("extraction") == {}


def test_a_folder_that_cannot_be_written_is_told(outcome: FieldOutcome, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        Calibrations([tmp_path / "file"]).save(outcome.calibration)


def test_with_a_damaged_file_the_task_is_as_before(outcome: FieldOutcome, tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    put(services, outcome.calibration)
    assert isinstance(Tasks(services)["extraction"], ScoredFieldsTask)
    folder = services.settings.path(services.settings.calibration.dir)
    next(folder.glob("*.json")).write_text("{")
    assert isinstance(Tasks(services)["extraction"], Extract)


def test_rows_of_several_schemas_are_refused(tmp_path: Path) -> None:
    services = FakeServices(tmp_path, slm=replies())  # type: ignore[arg-type]
    other = {**SCHEMA, "title": "other"}
    rows = [request(at, output_schema=SCHEMA if at % 2 else other) for at in range(ROWS)]
    with pytest.raises(InvalidRequest, match="several schemas"):
        calibrated(services, rows)


def test_too_few_rows_are_refused_before_any_model_is_asked(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="some 74 different texts"):
        calibrated(FakeServices(tmp_path), [request(at) for at in range(20)])
