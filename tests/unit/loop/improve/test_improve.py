"""The circle: what is learnt, what is put in force, and that nothing is lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tandem.errors import InvalidRequest, ModelUnavailable, TandemError
from tandem.graphs.tasks import calibrations
from tandem.ledger.feedback import give
from tandem.loop.improve import improve, slots, writing
from tandem.loop.improve.dealing import Dealt, deal
from tandem.loop.improve.improve import Done, NoTexts, Wishes, outcome
from tandem.loop.improve.state import Busy, State
from tests.unit.loop.calibrating import TEXTS, label_of, write_rows
from tests.unit.loop.improve.filling import ORDER, escalated, fill, improver, services_of
from tests.unit.services import FakeServices

JUDGED = 150
HEADS = Wishes(tasks=("sentiment",), rows=20)
APPLY = Wishes(tasks=("sentiment",), rows=20, apply=True)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[FakeServices]:
    made = services_of(tmp_path)
    yield made
    made.close()


def slot_of(done: Done) -> Any:
    assert done.report is not None
    (slot,) = done.report["slots"]
    return slot


def in_force(services: FakeServices) -> Any:
    return calibrations(services.settings).find("sentiment", ORDER).calibration


def test_a_run_that_only_looks_changes_nothing_and_uses_no_row(services: FakeServices) -> None:
    fill(services.ledger, judged=JUDGED, by_llm=60)
    done = improver(services).run(HEADS)
    slot = slot_of(done)
    assert (slot["state"], outcome(done)) == ("would change", "changed")
    assert in_force(services) is None
    assert slot_of(improver(services).run(HEADS))["new"] == slot["new"] == JUDGED + 60


def test_apply_puts_the_better_head_in_force_and_the_next_run_has_nothing_to_do(
    services: FakeServices,
) -> None:
    fill(services.ledger, judged=JUDGED, by_llm=60)
    done = improver(services).run(APPLY)
    slot = slot_of(done)
    assert (slot["state"], outcome(done)) == ("changed", "changed")
    made = in_force(services)
    assert made.labels == ORDER
    assert all(one.agreement for one in made.promises)
    assert "agree with feedback" in slot["promise"]
    assert slot["learn"]["llm"] == 60
    again = improver(services).run(APPLY)
    assert (again.report, outcome(again)) == (None, "nothing")


def test_rows_by_the_llm_neither_certify_nor_judge(services: FakeServices) -> None:
    fill(services.ledger, judged=0, by_llm=200)
    done = improver(services).run(APPLY)
    slot = slot_of(done)
    assert (slot["state"], outcome(done)) == ("too few rows", "nothing")
    assert (slot["certify"], slot["judge"]) == (0, 0)
    assert slot["why"] == "about 126 more judged answers are needed"
    assert slot["llm_agreement"][0] > 0.8
    assert in_force(services) is None


def test_rows_drawn_uniformly_give_a_promise(services: FakeServices, tmp_path: Path) -> None:
    fill(services.ledger, judged=40, by_llm=60)
    path = write_rows(tmp_path / "rows.jsonl", TEXTS[40:340])
    done = improver(services).run(Wishes(tasks=("sentiment",), rows=20, apply=True, labelled=path))
    slot = slot_of(done)
    assert slot["state"] == "changed"
    assert "are right, with 90 % confidence" in slot["promise"]
    assert slot["judged_by"] == "labelled rows"
    # Texts of the file that certify or judge teach nothing, whoever labelled them.
    assert slot["leaked"] > 0
    assert not any(one.agreement for one in in_force(services).promises)


def promised(services: FakeServices, path: Path) -> Any:
    """A promise in force, by the labelled rows of `path`."""
    fill(services.ledger, judged=JUDGED)
    write_rows(path, TEXTS[:300])
    wishes = replace(APPLY, labelled=path)
    assert slot_of(improver(services).run(wishes))["state"] == "changed"
    return in_force(services)


def test_feedback_never_takes_a_promises_place(services: FakeServices, tmp_path: Path) -> None:
    """Where the rows that certified it are gone, there is nothing that could renew it."""
    path = tmp_path / "rows.jsonl"
    before = promised(services, path).to_json()
    path.unlink()
    fill(services.ledger, judged=20, start=300)
    done = improver(services).run(APPLY)
    slot = slot_of(done)
    assert outcome(done) == "refused"
    assert "feedback gives agreement only" in slot["why"]
    assert any("do not judge: There is no file" in note for note in slot["notes"])
    assert in_force(services).to_json() == before


def test_feedback_teaches_what_the_rows_of_an_earlier_run_certify(
    services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    promised(services, path)
    fill(services.ledger, judged=20, start=300)
    monkeypatch.setattr(slots, "deal", dealt := Dealing())
    done = improver(services).run(APPLY)
    slot = slot_of(done)
    assert slot["judged_by"] == "labelled rows"
    assert (slot["new"], slot["leaked"] > 0) == (20, True)
    assert any("used 1 times before" in note for note in slot["notes"])
    (made,) = dealt.made
    taught = {made.rows.texts[row] for row in made.parts.fit}
    judges = {made.rows.texts[row] for row in (*made.parts.calibrate, *made.parts.test)}
    assert set(TEXTS[300:320]) <= taught
    assert judges <= set(TEXTS[:300])
    assert not taught & judges
    assert not any(one.agreement for one in in_force(services).promises)
    assert State.of(services.settings).judging()["sentiment"].runs == 2


class Dealing:
    """Deals rows out as ever, and keeps what it dealt."""

    def __init__(self) -> None:
        self.made: list[Dealt] = []

    def __call__(self, *given: Any) -> Dealt:
        self.made.append(deal(*given))
        return self.made[-1]


def test_a_run_that_only_looks_keeps_no_rows_in_mind(
    services: FakeServices, tmp_path: Path
) -> None:
    fill(services.ledger, judged=JUDGED)
    path = write_rows(tmp_path / "rows.jsonl", TEXTS[:300])
    improver(services).run(replace(HEADS, labelled=path))
    assert State.of(services.settings).judging() == {}


def test_the_report_tells_counts_and_no_text(services: FakeServices) -> None:
    fill(services.ledger, judged=JUDGED)
    done = improver(services).run(HEADS)
    assert done.folder is not None
    told = (done.folder / "report.md").read_text("utf-8")
    figures = json.loads((done.folder / "report.json").read_text("utf-8"))
    assert "| sentiment | up, down, none | would change |" in told
    assert figures["failures"]
    assert sum(one["rows"] for one in figures["failures"]) == JUDGED
    assert all(one["gates"] == {"margin": one["rows"]} for one in figures["failures"])
    for text in TEXTS[:JUDGED]:
        assert text not in told + json.dumps(figures)


def test_without_texts_it_says_what_to_turn_on(tmp_path: Path) -> None:
    services = services_of(tmp_path, texts="none")
    fill(services.ledger, judged=3)
    with pytest.raises(NoTexts, match="3 judged or failed runs") as caught:
        improver(services).run(APPLY)
    assert 'texts = "all"' in caught.value.remedy


def test_two_runs_never_overlap(services: FakeServices, tmp_path: Path) -> None:
    fill(services.ledger, judged=3)
    with FileLock(tmp_path / ".tandem/improve/improve.lock"), pytest.raises(Busy):
        improver(services).run(APPLY)
    assert State.of(services.settings).used() == {}


def test_a_full_disk_at_the_report_changes_nothing(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(services.ledger, judged=JUDGED)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_atomically", full)
    with pytest.raises(TandemError, match="No space left"):
        improver(services).run(APPLY)
    monkeypatch.undo()
    assert in_force(services) is None
    assert list(State.of(services.settings).folder.glob("2*")) == []
    assert slot_of(improver(services).run(APPLY))["new"] == JUDGED


@pytest.mark.parametrize("where", ["write", "Applying"])
def test_a_stop_anywhere_leaves_the_rows_for_the_next_run(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    fill(services.ledger, judged=JUDGED)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(improve, where, stop)
    with pytest.raises(KeyboardInterrupt):
        improver(services).run(APPLY)
    assert in_force(services) is None
    monkeypatch.undo()
    assert slot_of(improver(services).run(APPLY))["state"] == "changed"


def test_a_model_that_is_down_decides_nothing(services: FakeServices) -> None:
    fill(services.ledger, judged=JUDGED)
    services.fakes["slm"].__dict__["_replies"] = iter([ModelUnavailable("down", "")])
    done = improver(services).run(APPLY)
    assert (slot_of(done)["state"], outcome(done)) == ("not decided", "failed")
    assert State.of(services.settings).used() == {}


def test_a_broken_state_is_told(services: FakeServices, tmp_path: Path) -> None:
    fill(services.ledger, judged=3)
    (tmp_path / ".tandem/improve").mkdir(parents=True)
    (tmp_path / ".tandem/improve/state.json").write_text("{")
    with pytest.raises(TandemError, match="damaged"):
        improver(services).run(APPLY)


def test_bad_wishes(services: FakeServices, tmp_path: Path) -> None:
    fill(services.ledger, judged=3)
    path = write_rows(tmp_path / "rows.jsonl", TEXTS[:9], label="sideways")
    for wishes, said in (
        (Wishes(tasks=("faq",)), "no task that ends in a label"),
        (Wishes(labelled=path), "of one task"),
        (Wishes(label_budget=-1), "amount of money"),
        (Wishes(label_budget=float("nan")), "amount of money"),
        (Wishes(tasks=("sentiment",), labelled=path), "the same label"),
    ):
        with pytest.raises(InvalidRequest, match=said):
            improver(services).run(wishes)
    write_rows(path, TEXTS[:9])
    other = path.read_text("utf-8").replace('"up"', '"sideways"')
    path.write_text(other, "utf-8")
    with pytest.raises(InvalidRequest, match="outside of every set"):
        improver(services).run(Wishes(tasks=("sentiment",), labelled=path))


def test_new_feedback_on_an_old_run_is_new(services: FakeServices) -> None:
    fill(services.ledger, judged=JUDGED)
    improver(services).run(APPLY)
    escalated(services.ledger, "late", "gold climbs on day 99", None)
    improver(services).run(APPLY)
    assert improver(services).run(APPLY).report is None
    give(services.ledger, "late", False, label_of("gold climbs on day 99"))
    assert slot_of(improver(services).run(APPLY))["new"] == 1
