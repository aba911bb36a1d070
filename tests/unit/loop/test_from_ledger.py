"""Labels out of what people said: agreement, named so, and never a promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.graphs.tasks import Tasks
from tandem.ledger.feedback import give
from tandem.ledger.judged import judged_runs
from tandem.ledger.store import Ledger
from tandem.loop.from_ledger import judged_rows, label_rows
from tandem.nodes.labels import LabelTask
from tests.unit.ledger.rows import answer, attempt, decision, profile
from tests.unit.services import FakeServices

LABELS = ["up", "down"]


def fill(ledger: Ledger, name: str, text: str, said: str, **fields: Any) -> None:
    """An answered run of the task sentiment."""
    request: Any = {"text": text, "task": "sentiment", "labels": LABELS, **fields}
    output = {"label": said, "probabilities": {"up": 0.5, "down": 0.5}}
    ledger.start(name, request, profile(task="sentiment"), decision())
    tried = attempt(output=output)
    ledger.add_attempt(name, tried)
    ledger.finish(name, answer(name, profile=profile(task="sentiment")))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/ledger.sqlite", texts="all")


def test_an_answer_called_right_is_the_label_and_a_value_goes_before_it(ledger: Ledger) -> None:
    for name, text in (("a", "gold climbs"), ("b", "gold falls"), ("c", "gold sleeps")):
        fill(ledger, name, text, "up")
    give(ledger, "a", True)
    give(ledger, "b", False, "down")
    give(ledger, "c", False)
    fill(ledger, "d", "nobody judged this", "up")
    judged = judged_rows(ledger, "sentiment")
    told = [(row.request["text"], row.expected) for row in judged.rows]
    assert [text for text, _ in told] == ["gold climbs", "gold falls"]
    assert told[0][1]["label"] == "up"
    assert told[1][1] == "down"
    assert judged.words.startswith("3 judged answers of sentiment: 2 tell what is right, 1 were")
    assert len(list(judged_runs(ledger, "faq"))) == 0


def task_of(services: FakeServices) -> LabelTask:
    task = Tasks(services)["sentiment"]
    assert isinstance(task, LabelTask)
    return task


def test_rows_are_those_of_one_label_set_in_the_requests_order(
    ledger: Ledger, tmp_path: Path
) -> None:
    for number in range(4):
        fill(ledger, f"r{number}", f"gold {number}", LABELS[number % 2])
        give(ledger, f"r{number}", True)
    fill(ledger, "other", "a film", "good", labels=["good", "bad"])
    give(ledger, "other", True)
    services = FakeServices(tmp_path)
    known = judged_rows(ledger, "sentiment").rows
    rows = label_rows(services, task_of(services), known)
    assert (rows.names, rows.labels.tolist()) == (("up", "down"), [0, 1, 0, 1])
    assert rows.texts == [f"gold {number}" for number in range(4)]
    with pytest.raises(InvalidRequest, match="not two labels"):
        label_rows(services, task_of(services), known, ("good", "bad"))


@pytest.mark.parametrize(("tenants", "several"), [(("a", "a"), False), (("a", "b"), True)])
def test_rows_tell_whether_they_are_of_several_tenants(
    ledger: Ledger, tmp_path: Path, tenants: tuple[str, str], several: bool
) -> None:
    for label, tenant in zip(LABELS, tenants, strict=True):
        fill(ledger, label, f"gold goes {label}", label, tenant=tenant)
        give(ledger, label, True)
    services = FakeServices(tmp_path)
    rows = label_rows(services, task_of(services), judged_rows(ledger, "sentiment").rows)
    assert rows.several_tenants is several


def test_without_feedback_it_says_how_to_give_some(ledger: Ledger) -> None:
    fill(ledger, "a", "gold climbs", "up")
    with pytest.raises(InvalidRequest, match="no feedback on sentiment") as caught:
        judged_rows(ledger, "sentiment")
    assert "tandem feedback RUN_ID" in caught.value.remedy


def test_without_texts_it_says_what_to_turn_on(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite", texts="none")
    fill(ledger, "a", "gold climbs", "up")
    give(ledger, "a", True)
    with pytest.raises(InvalidRequest, match="and the text of none") as caught:
        judged_rows(ledger, "sentiment")
    assert 'texts = "all"' in caught.value.remedy


def test_only_called_wrong_tells_nothing(ledger: Ledger) -> None:
    fill(ledger, "a", "gold climbs", "up")
    give(ledger, "a", False)
    with pytest.raises(InvalidRequest, match="1 were called wrong without") as caught:
        judged_rows(ledger, "sentiment")
    assert "--value" in caught.value.remedy
