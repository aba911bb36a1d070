"""Labels by the LLM: within the budget, never of what it may not see, never paid for twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tandem.errors import ModelUnavailable
from tandem.ledger.tables import spend
from tandem.loop.improve.labelling import Labelled, Labeller
from tandem.loop.improve.rows import Row
from tandem.loop.improve.state import State
from tests.unit.fakes import completion
from tests.unit.loop.improve.filling import ORDER, escalated, services_of
from tests.unit.services import FakeServices


def row(name: str, **fields: Any) -> Row:
    given: dict[str, Any] = {
        "run_id": name,
        "task": "sentiment",
        "tenant": "",
        "text": f"gold waits {name}",
        "labels": ORDER,
        "label": None,
        "by": "",
        "wrong": None,
        "moment": 1.0,
        "sensitivity": "none",
        "public": True,
        "gates": ("margin",),
        "failed": True,
        **fields,
    }
    return Row(**given)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[FakeServices]:
    made = services_of(tmp_path)
    for name in "abcd":
        escalated(made.ledger, name, f"gold waits {name}", None)
    yield made
    made.close()


def label(
    services: FakeServices, rows: Sequence[Row], budget: float = 100.0, llm: Any = None
) -> Labelled:
    replies = llm or (completion("up", cost=0.5) for _ in itertools.count())
    services.fakes["llm"].__dict__["_replies"] = iter(replies)
    state = State.of(services.settings)
    state.folder.mkdir(parents=True, exist_ok=True)
    return Labeller(services, services.ledger, state, budget, lambda *_: None).label(rows)


def told(made: Labelled) -> list[tuple[str | None, str]]:
    return [(one.label, one.by) for one in made.rows]


def test_rows_without_a_label_get_the_llms_and_the_day_pays(services: FakeServices) -> None:
    rows = [row("a"), row("b", label="down", by="people")]
    made = label(services, rows)
    assert told(made) == [("up", "bought"), ("down", "people")]
    assert (made.asked, made.cost) == (1, 0.5)
    with services.ledger.reading() as connection:
        assert connection.execute(select(spend.c.cost)).scalars().all()[-1] >= 0.5


def test_a_label_is_paid_for_once(services: FakeServices) -> None:
    label(services, [row("a")])
    again = label(services, [row("a")], llm=[ModelUnavailable("not to be asked", "")])
    assert (told(again), again.asked, again.kept) == ([("up", "bought")], 0, 1)


def test_bought_labels_are_read_once_for_any_number_of_rows(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    label(services, [row("a")])
    read, read_text = [], Path.read_text

    def counted(path: Path, *given: Any, **named: Any) -> str:
        read.append(path.name)
        return read_text(path, *given, **named)

    monkeypatch.setattr(Path, "read_text", counted)
    made = label(services, [row("a"), *(row(str(n)) for n in range(50))], budget=0.0)
    assert (made.kept, read.count("labels.jsonl")) == (1, 1)


def test_without_a_budget_nothing_is_asked(services: FakeServices) -> None:
    made = label(services, [row("a")], budget=0.0)
    assert (made.asked, made.left, services.fakes["llm"].prompts) == (0, 1, [])


def test_the_budget_stops_before_it_is_passed(services: FakeServices) -> None:
    made = label(services, [row(name) for name in "abcd"], budget=1.2)
    assert made.cost <= 1.2
    assert made.asked + made.left == 4
    assert made.left > 0
    assert "label budget of 1.2 USD" in made.notes[0]


def test_a_public_llm_never_sees_what_is_not_public(services: FakeServices) -> None:
    made = label(services, [row("a", public=False), row("b", public=False, sensitivity="personal")])
    assert (made.asked, made.refused) == (0, 2)
    assert services.fakes["llm"].prompts == []


def test_a_private_llm_may_see_them(tmp_path: Path) -> None:
    services = services_of(tmp_path, llm_private=True)
    escalated(services.ledger, "a", "gold waits a", None)
    made = label(services, [row("a", public=False, sensitivity="personal")])
    assert (told(made), made.refused) == ([("up", "bought")], 0)


def test_an_llm_that_is_down_ends_the_labelling_and_loses_nothing(services: FakeServices) -> None:
    replies = [completion("up", cost=0.1), ModelUnavailable("The LLM is down.", "")]
    made = label(services, [row(name) for name in "abcd"], llm=replies)
    assert [by for _, by in told(made)] == ["bought", "", "", ""]
    assert (made.left, made.notes) == (3, ["no more labels were asked for: The LLM is down"])
    assert len(State.of(services.settings).labels(_identity(services))) == 1


def test_the_llm_does_not_bring_back_what_people_called_wrong(services: FakeServices) -> None:
    assert told(label(services, [row("a", wrong="up")])) == [(None, "")]


def test_a_line_that_was_cut_off_is_read_over(services: FakeServices) -> None:
    state = State.of(services.settings)
    label(services, [row("a")])
    with (state.folder / "labels.jsonl").open("a") as stream:
        stream.write('{"run": "b", "lab')
    label(services, [row("c")])
    assert sorted(state.labels(_identity(services))) == ["a", "c"]
    assert replace(row("a"), label="up").slot == ("sentiment", ("down", "none", "up"))


def _identity(services: FakeServices) -> str:
    from tandem.models.identity import tier_identity

    return tier_identity(services.settings, "llm", "sentiment")
