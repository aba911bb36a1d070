"""Extraction with an adapter in force: who answers what, under which schema and gates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from tandem.graphs.tasks import Tasks
from tandem.loop.replay.changes import changes
from tandem.loop.select.asking import plain
from tandem.models.adapters import AdapterCard
from tandem.nodes.extract import Extract
from tandem.nodes.extract_schema import checked
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.label_acceptance import Rules
from tandem.nodes.scored_fields import ScoredFieldsTask, key_of
from tandem.nodes.shadow import comparable
from tandem.nodes.task import Prepared
from tandem.nodes.tuned import TUNED, TUNED_FIELDS, asked_schema
from tandem.quality.calibration.field_calibration import FieldCalibration
from tandem.records import Profile, Request, Verdict
from tandem.settings import Settings
from tests.unit.fakes import FakeTierCall
from tests.unit.services import FakeServices

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"shop": {"type": "string"}, "total": {"type": "number"}},
    "required": ["shop", "total"],
}
TEXT = "CORNER SHOP\nTOTAL 12.50"
ANSWER = {"shop": "CORNER SHOP", "total": "12.50"}
CARD = AdapterCard("first", "extraction", "", "", "", "1", "", data={"schema": checked(SCHEMA)})
NO_PROFILE = cast(Profile, {})


class Force:
    """What is in force."""

    def __init__(self) -> None:
        self.card: AdapterCard | None = CARD

    def __call__(self, task: str, asked: str) -> AdapterCard | None:
        fits = (task, asked) == ("extraction", asked_schema(checked(SCHEMA)))
        return self.card if fits else None


@pytest.fixture
def force() -> Force:
    return Force()


@pytest.fixture
def task(force: Force) -> Extract:
    return Extract(read=lambda document: document["text"], adapter=force)


def prepared(task: Extract, **request: Any) -> Prepared:
    fields = {"text": TEXT, "output_schema": SCHEMA, **request}
    return task.prepare(cast(Request, fields), NO_PROFILE)


def test_the_adapter_answers_under_the_schema_and_the_gates(task: Extract) -> None:
    ready, tier = prepared(task), FakeTierCall([json.dumps(ANSWER), json.dumps(ANSWER)])
    attempt = task.attempt(ready, tier)
    (prompt,) = tier.prompts
    assert (prompt.adapter, prompt.schema) == ("first", ready["generation_schema"])
    assert [turn["content"] for turn in prompt.messages] == [TUNED_FIELDS, TEXT]
    assert attempt["output"] == {"shop": "CORNER SHOP", "total": 12.5}
    assert attempt["signals"][TUNED] == 1.0
    assert task.check(ready, attempt) == []
    assert json.loads(json.dumps(ready)) == ready  # it travels in the graph's state


def test_what_it_makes_up_is_refused_and_asked_again_field_by_field(task: Extract) -> None:
    ready = prepared(task)
    wrong = task.attempt(ready, FakeTierCall([json.dumps({**ANSWER, "shop": "MARKET"})]))
    failed = task.check(ready, wrong)
    assert [one["gate"] for one in failed] == ["grounded"]
    verdict = cast(Verdict, {"failed": failed})
    llm = FakeTierCall([json.dumps({"shop": "CORNER SHOP"})], name="llm")
    again = task.repair(ready, wrong, verdict, llm)
    assert again["output"] == {"shop": "CORNER SHOP", "total": 12.5}
    (prompt,) = llm.prompts
    assert prompt.adapter == ""
    assert prompt.schema is not None
    assert list(prompt.schema["properties"]) == ["shop"]


@pytest.mark.parametrize(
    "request_",
    [
        {"examples": [{"text": "A\n1.00", "output": {"shop": "A", "total": 1.0}}]},
        {"output_schema": {**SCHEMA, "required": ["shop"]}},
        {"output_schema": "receipt"},
    ],
)
def test_other_schemas_and_own_examples_are_the_plain_model_s(
    task: Extract, request_: dict[str, Any]
) -> None:
    ready, tier = prepared(task, **request_), FakeTierCall([json.dumps(ANSWER)])
    attempt = task.attempt(ready, tier)
    assert tier.prompts[0].adapter == ""
    assert "Fields:" in tier.prompts[0].messages[0]["content"]
    assert TUNED not in attempt["signals"]
    assert "adapter" not in ready


def test_the_llm_never_gets_the_adapter(task: Extract) -> None:
    tier = FakeTierCall([json.dumps(ANSWER)], name="llm")
    task.attempt(prepared(task), tier)
    assert tier.prompts[0].adapter == ""


def test_the_fields_of_a_schema_may_come_in_any_order(task: Extract) -> None:
    turned = {**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))}
    assert list(turned["properties"]) == ["total", "shop"]
    ready = prepared(task, output_schema=turned)
    assert list(ready["generation_schema"]["properties"]) == ["shop", "total"]
    assert ready["adapter"] == CARD.sha256


def test_a_run_that_waited_over_a_rollback_is_the_plain_model_s(
    task: Extract, force: Force
) -> None:
    ready, tier = prepared(task), FakeTierCall([json.dumps(ANSWER)])
    force.card = None
    attempt = task.attempt(ready, tier)
    assert tier.prompts[0].adapter == ""
    assert TUNED not in attempt["signals"]


def test_a_calibration_made_without_the_adapter_promises_nothing_of_it(
    task: Extract, force: Force
) -> None:
    tuned = prepared(task)
    force.card = None
    plain = prepared(task)
    force.card = CARD
    assert key_of(plain) != key_of(tuned)

    def judging(ready: Prepared) -> ScoredFieldsTask:
        fields: Any = {"shop": None}
        made = FieldCalibration("extraction", key_of(ready), "slm", source_sum(task), fields, {})
        rules = Rules("guarantee", 0.9, 0.0)
        return ScoredFieldsTask(task, rules, task, {made.key: made}, "slm")

    attempt = task.attempt(tuned, FakeTierCall([json.dumps(ANSWER)]))
    assert judging(plain)._made(tuned, attempt) is None
    assert judging(tuned)._made(tuned, attempt) is not None
    force.card = None  # the adapter went out of force while the run waited
    late = task.attempt(tuned, FakeTierCall([json.dumps(ANSWER)]))
    assert judging(tuned)._made(tuned, late) is None


def test_a_model_that_is_compared_by_itself_has_no_adapter(task: Extract, force: Force) -> None:
    assert cast(Extract, plain(task)).adapter is None
    assert cast(Extract, plain(task, adapter=True)).adapter is force


def test_a_replay_does_not_follow_adapters_of_extraction(task: Extract) -> None:
    """`comparable` is what a replay asks of a task, before it asks what concerns it."""
    assert comparable(task)
    old = Settings()
    new = old.model_copy(update={"adapters": old.adapters.model_copy(update={"enabled": False})})
    assert "adapters.enabled" in changes(old, new).why_unfollowed("extraction", True)


def test_what_is_in_force_reaches_the_graph_s_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: Force
) -> None:
    """So do evaluations, which have their tasks from there."""
    services = FakeServices(tmp_path)
    monkeypatch.setattr(services, "adapter", force)
    ready = prepared(cast(Extract, Tasks(services)["extraction"]))
    assert ready["adapter"] == CARD.sha256


def test_an_adapter_whose_card_tells_no_schema_is_not_used_and_the_log_says_so(
    task: Extract, force: Force, caplog: pytest.LogCaptureFixture
) -> None:
    force.card = AdapterCard("bare", "extraction", "", "", "", "1", "")
    assert "adapter" not in prepared(task)
    assert "'bare' is not used" in caplog.text
