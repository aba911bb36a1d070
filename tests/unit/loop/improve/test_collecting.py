"""Which rows come of the ledger, whose labels they have, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tandem.graphs.tasks import Tasks
from tandem.ledger import tables
from tandem.ledger.feedback import give
from tandem.loop.improve.collecting import failed_or_judged
from tandem.loop.improve.rows import Collected, Collector, by_slot
from tandem.nodes.labels import LabelTask
from tandem.settings.tenants import Tenant
from tests.unit.ledger.rows import answer, attempt, decision, profile, verdict
from tests.unit.loop.improve.filling import escalated, privacy, services_of
from tests.unit.services import FakeServices


@pytest.fixture
def services(tmp_path: Path) -> Iterator[FakeServices]:
    made = services_of(tmp_path)
    yield made
    made.close()


def collected(services: FakeServices, choice: Any = "leave_out") -> Collected:
    task = Tasks(services)["sentiment"]
    assert isinstance(task, LabelTask)
    return Collector(services, services.ledger, {"sentiment": task}, privacy(choice)).collect()


def labels(services: FakeServices) -> dict[str, tuple[str | None, str]]:
    return {row.run_id: (row.label, row.by) for row in collected(services).rows}


def accepted(services: FakeServices, name: str) -> None:
    """A run whose SLM answer left."""
    told = profile(task="sentiment")
    request: Any = {"text": f"gold waits {name}", "task": "sentiment", "labels": ["up", "down"]}
    services.ledger.start(name, request, told, decision())
    output = {"label": "up", "probabilities": {}}
    services.ledger.add_attempt(name, attempt("a1", output=output))
    services.ledger.add_verdict(name, verdict("a1"))
    services.ledger.finish(name, answer(name, profile=told))


def test_a_value_goes_before_the_answer_and_people_before_the_llm(services: FakeServices) -> None:
    for name in ("llm", "right", "valued", "wrong"):
        escalated(services.ledger, name, f"gold {name}", "up")
    escalated(services.ledger, "open", "gold open", None)
    give(services.ledger, "right", True)
    give(services.ledger, "valued", False, "down")
    give(services.ledger, "wrong", False)
    assert labels(services) == {
        "llm": ("up", "llm"),
        "right": ("up", "people"),
        "valued": ("down", "people"),
        "wrong": (None, ""),
        "open": (None, ""),
    }


def test_what_left_without_the_llm_counts_only_where_it_was_judged(services: FakeServices) -> None:
    accepted(services, "quiet")
    accepted(services, "praised")
    give(services.ledger, "praised", True)
    (found,) = failed_or_judged(services.ledger, ["sentiment"])
    assert (found.run_id, found.label, found.by, found.failed) == ("praised", "up", "people", False)


def test_labels_outside_the_set_are_left_out_and_counted(services: FakeServices) -> None:
    escalated(services.ledger, "a", "gold climbs", "up")
    give(services.ledger, "a", False, "down")
    with services.ledger.writing() as connection:  # as ledgers hold that were written earlier
        connection.execute(update(tables.feedback).values(value="sideways"))
    made = collected(services)
    assert (made.rows, made.counts["outside_labels"]) == ((), 1)


@pytest.mark.parametrize(
    ("choice", "texts"),
    [("leave_out", []), ("mask", ["write to ann#example"]), ("keep", ["write to ann@example"])],
)
def test_sensitive_rows_are_treated_as_asked_and_never_public(
    services: FakeServices, choice: str, texts: list[str]
) -> None:
    escalated(services.ledger, "a", "write to ann@example", "up")
    made = collected(services, choice)
    assert [row.text for row in made.rows] == texts
    assert not any(row.public for row in made.rows)
    assert made.counts["sensitive_left_out"] == (choice == "leave_out")


def test_runs_that_could_not_go_to_the_llm_are_never_public(services: FakeServices) -> None:
    escalated(services.ledger, "a", "gold climbs", None, may_escalate=False)
    escalated(services.ledger, "b", "gold falls", None)
    assert [row.public for row in collected(services).rows] == [False, True]


def test_tenants_that_share_nothing_teach_nobody(tmp_path: Path) -> None:
    own = {"apart": Tenant(shared=False), "open": Tenant(shared=True)}
    services = services_of(tmp_path, tenants=own)
    for tenant in ("apart", "open", "gone"):
        escalated(services.ledger, tenant, f"gold climbs {tenant}", "up", tenant=tenant)
    made = collected(services)
    assert [row.run_id for row in made.rows] == ["open"]
    assert made.counts["of_tenants_apart"] == 2


def test_a_text_counts_once_and_contradictions_not_at_all(services: FakeServices) -> None:
    for name, text, label in (
        ("a", "gold climbs", "up"),
        ("b", "Gold  climbs", "up"),
        ("c", "gold falls", "up"),
        ("d", "gold falls", "down"),
    ):
        escalated(services.ledger, name, text, label)
    (slot,) = by_slot(collected(services).rows).values()
    assert ([row.run_id for row in slot.llm], slot.repeats, slot.contradictory) == (["b"], 1, 2)


def test_people_settle_what_the_llm_said_twice_otherwise(services: FakeServices) -> None:
    escalated(services.ledger, "a", "gold falls", "up")
    escalated(services.ledger, "b", "gold falls", "down")
    give(services.ledger, "b", True)
    (slot,) = by_slot(collected(services).rows).values()
    assert [(row.label, row.by) for row in slot.people] == [("down", "people")]
    assert slot.llm == ()


def test_an_answer_called_wrong_does_not_come_back_as_the_llms(services: FakeServices) -> None:
    escalated(services.ledger, "a", "gold falls", "up")
    escalated(services.ledger, "b", "gold falls", "up")
    give(services.ledger, "b", False)
    (slot,) = by_slot(collected(services).rows).values()
    assert (slot.people, slot.llm, slot.contradictory) == ((), (), 1)


def test_label_sets_are_slots_of_their_own_whatever_their_order(services: FakeServices) -> None:
    escalated(services.ledger, "a", "gold falls", "up", labels=("up", "down"))
    escalated(services.ledger, "b", "gold climbs", "up", labels=("down", "up"))
    escalated(services.ledger, "c", "a film", "good", labels=("good", "bad"))
    slots = by_slot(collected(services).rows)
    assert [slot for _, slot in slots] == [("bad", "good"), ("down", "up")]
    assert slots["sentiment", ("down", "up")].labels == ("down", "up")
