"""An adapter and its calibration go in force together or not at all, whatever stops the run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import ModelUnavailable, SettingsError
from tandem.graphs.tasks import calibrations
from tandem.loop.improve import applying, slots
from tandem.loop.improve.improve import Wishes, outcome
from tandem.loop.improve.pending import Pending
from tandem.loop.improve.state import State
from tandem.quality.calibration.store import Calibrations
from tandem.settings import TaskSettings
from tests.unit.loop.improve.filling import ORDER, fill, improver, services_of
from tests.unit.loop.improve.test_adapters import FakeChallenge, trial, tuner
from tests.unit.services import FakeServices

APPLY = Wishes(tasks=("sentiment",), rows=20, apply=True)
ROWS = 300


class Killed(BaseException):
    """Nothing runs after it."""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServices]:
    """No head is enough, and an adapter that wins is worth it."""
    made = services_of(tmp_path, tasks={"sentiment": TaskSettings(quality=0.9)})
    monkeypatch.setattr("tandem.loop.improve.candidates._head_right", lambda _: _half())
    monkeypatch.setattr(slots, "_ahead", lambda *_: True)
    fill(made.ledger, judged=ROWS)
    yield made
    made.close()


def _half() -> Any:
    from tandem.stats import wilson

    return wilson(50, 100)


def run(services: FakeServices, wishes: Wishes = APPLY) -> Any:
    adapters = trial(services, tuner(services), FakeChallenge(services))
    done = improver(services, adapters).run(wishes)
    assert done.report is not None
    return done.report["slots"][0], outcome(done)


def in_force(services: FakeServices) -> tuple[list[str], bool]:
    adapters = [card.name for card in services.adapters.in_force().values()]
    found = calibrations(services.settings).find("sentiment", ORDER).calibration
    return adapters, found is not None


def test_an_adapter_with_which_nothing_is_certified_stays_out(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under `guarantee` it would send every request to the LLM, however well it answers."""
    monkeypatch.setattr("tandem.loop.certifying.promises", lambda *_: [])
    slot, ended = run(services)
    assert (slot["adapter"]["won"], slot["state"], ended) == (True, "refused", "refused")
    assert "which stays out: it certifies no threshold" in slot["why"]
    assert in_force(services) == ([], False)


def test_an_adapter_that_brings_nothing_beside_the_head_stays_out(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_ahead", lambda *_: False)
    slot, ended = run(services)
    assert ended == "changed"
    assert "the head does as well without it" in slot["why"]
    assert in_force(services) == ([], True)


def test_a_calibration_that_cannot_be_written_takes_its_adapter_back(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Path:
        raise SettingsError("The calibration cannot be written: No space left.", "")

    monkeypatch.setattr(Calibrations, "save", full)
    slot, ended = run(services)
    assert (slot["state"], slot["promise"], ended) == ("not decided", "", "failed")
    assert any("No space left" in note for note in slot["notes"])
    assert in_force(services) == ([], False)
    assert State.of(services.settings).used() == {}
    monkeypatch.undo()


def test_a_server_that_does_not_start_leaves_all_as_it_was(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> Any:
        raise ModelUnavailable("The server does not start.", "")

    monkeypatch.setattr(FakeChallenge, "promote", down)
    _, ended = run(services)
    assert (ended, in_force(services)) == ("failed", ([], False))


def test_the_circle_with_a_kill_between_the_two_writes(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures, a killed run, the next one, and then nothing new."""

    def killed(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as kill:
        kill.setattr(Calibrations, "save", killed)
        kill.setattr(Pending, "take_back", killed)
        with pytest.raises(Killed):
            run(services)
    adapters, calibrated = in_force(services)
    assert (len(adapters), calibrated) == (1, False)
    folder = State.of(services.settings).folder
    assert json.loads((folder / "pending.json").read_text("utf-8"))["adapter"] == adapters[0]

    run(services, replace(APPLY, apply=False))
    assert in_force(services) == (adapters, False)

    slot, ended = run(services)
    assert (slot["state"], ended) == ("changed", "changed")
    assert any("taken back before this one" in note for note in slot["notes"])
    assert in_force(services) == (adapters, True)
    assert not (folder / "pending.json").exists()

    again = improver(services).run(APPLY)
    assert (again.report, outcome(again)) == (None, "nothing")


def test_what_somebody_put_in_force_meanwhile_stays(
    services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(self: Any, now: Any, made: Any, adapter: Any) -> None:
        self.store.save(replace(made, card={**made.card, "data": "by hand"}))
        refuse(self, now, made, adapter)

    refuse = applying.Applying._refuse_other
    monkeypatch.setattr(applying.Applying, "_refuse_other", changed)
    slot, ended = run(services)
    assert ended == "failed"
    assert any("Something else was put in force" in note for note in slot["notes"])
    found = calibrations(services.settings).find("sentiment", ORDER).calibration
    assert found is not None
    assert found.card["data"] == "by hand"
    assert [card.name for card in services.adapters.in_force().values()] == []


def test_taking_back_puts_the_earlier_calibration_in_place(
    services: FakeServices, tmp_path: Path
) -> None:
    from tandem.loop.improve.pending import begin, recover, sum_of

    path, kept = tmp_path / "own.json", tmp_path / "before.json"
    path.write_text("new")
    kept.write_text("old")
    begun = Pending("sentiment", "", str(path), str(kept), sum_of(b"new"))
    begin(tmp_path, begun)
    assert "taken back" in recover(tmp_path, services)
    assert path.read_text() == "old"
    assert recover(tmp_path, services) == ""
    path.write_text("by hand")
    begun.take_back(services)
    assert path.read_text() == "by hand"
