"""A training as a whole, without torch: what is written when, and what an accident leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tandem.errors import InvalidRequest, ModelFileError, SettingsError, TandemError
from tandem.loop.tune import tuning
from tandem.loop.tune.fields import FieldSet, schema_from
from tandem.loop.tune.recipe import Recipe
from tandem.loop.tune.training import Progress, Trained
from tandem.loop.tune.tuning import Base, Tuner
from tandem.models.adapters import slot_of
from tandem.models.files import sha256_of
from tandem.nodes.tuned import asked_schema
from tests.unit.services import FakeServices

SCHEMA = schema_from("shop,total")
GIVEN = FieldSet(SCHEMA, (), (), {"train_sum": "a", "held_out_sum": "b", "schema": SCHEMA})
DONE = Progress(step=10, steps=10, seconds=60.0, loss=0.2, tokens=1000, share=1.0)


@pytest.fixture
def tuner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tuner:
    """A tuner whose training takes no time."""
    base = Base("slm", tmp_path / "slm.gguf", "b" * 64)
    dense = SimpleNamespace(folder=tmp_path)
    monkeypatch.setattr(tuning, "require_extra", lambda: None)
    monkeypatch.setattr(tuning, "base_of", lambda *_: base)
    monkeypatch.setattr(tuning, "load_base", lambda *_: dense)
    monkeypatch.setattr(tuning, "train", lambda *_: Trained(tmp_path, DONE, 0, 1))
    monkeypatch.setattr(
        tuning, "to_gguf", lambda _peft, _config, target, _name: target.write_bytes(b"GGUF")
    )
    services = FakeServices(tmp_path)
    return Tuner(services, "extraction", Recipe(), lambda _: None, lambda _: None)


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_the_card_tells_what_the_adapter_is_for(tuner: Tuner) -> None:
    card = tuner.run("first", GIVEN)
    assert card.slot == slot_of("extraction", asked_schema(SCHEMA))
    assert (card.labels, card.data["schema"]) == ((), SCHEMA)
    assert (card.training["steps"], card.training["peak_bytes"]) == (10, 1)
    assert tuner.services.adapters.get("first").sha256 == sha256_of(
        tuner.services.adapters.file(card)
    )
    assert tuner.services.adapters.in_force() == {}


@pytest.mark.parametrize("where", ["load_base", "train", "to_gguf"])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), ModelFileError("No space left.", "Make room.")]
)
def test_stopped_half_way_it_is_unfinished_and_goes_on(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException
) -> None:
    """What was in force stays; an unfinished one cannot go live; the same call goes on."""
    adapters = tuner.services.adapters
    tuner.run("old", GIVEN)
    adapters.promote("old")
    promoted = (adapters.folder / "promoted.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(tuning, where, failing(error))
        with pytest.raises(type(error)):
            tuner.run("new", GIVEN)
    with pytest.raises(InvalidRequest, match="no finished adapter"):
        adapters.promote("new")
    assert (adapters.folder / "promoted.json").read_bytes() == promoted
    assert [card.name for card in adapters.in_force().values()] == ["old"]
    assert tuner.run("new", GIVEN).sha256


def test_a_finished_one_is_never_written_over(tuner: Tuner) -> None:
    card = tuner.run("first", GIVEN)
    with pytest.raises(InvalidRequest, match="left as it is"):
        tuner.run("first", GIVEN)
    assert tuner.services.adapters.get("first") == card


def test_two_trainings_of_one_name_do_not_meet(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any) -> Trained:
        with pytest.raises(InvalidRequest, match="Another process is training first"):
            tuner.run("first", GIVEN)
        return Trained(tuner.services.adapters.folder, DONE, 0, 1)

    monkeypatch.setattr(tuning, "train", train)
    assert tuner.run("first", GIVEN).sha256


@pytest.mark.parametrize("what", ["mkdir", "replace"])
def test_no_room_for_the_card(tuner: Tuner, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    full = failing(OSError(28, "No space left on device"))
    monkeypatch.setattr(Path, what, full)
    with pytest.raises(ModelFileError, match="No space left on device") as caught:
        tuner.run("first", GIVEN)
    assert "in force is as before" in str(caught.value)


def test_a_promotion_without_room_leaves_what_is_in_force(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = tuner.services.adapters
    tuner.run("old", GIVEN)
    adapters.promote("old")
    tuner.run("new", GIVEN)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", failing(OSError(28, "No space left on device")))
        with pytest.raises(ModelFileError, match="No space left"):
            adapters.promote("new")
    assert [card.name for card in adapters.in_force().values()] == ["old"]
    assert json.loads((adapters.folder / "promoted.json").read_text())["slots"]


def test_a_hosted_model_cannot_be_tuned_here(tmp_path: Path) -> None:
    hosted: Any = {
        "far": {"backend": "openai", "url": "http://h/v1", "model": "m", "private": True}
    }
    services = FakeServices(tmp_path, models=hosted, tiers={"slm": {"model": "far"}})
    with pytest.raises(SettingsError, match="hosted"):
        tuning.base_of(services, "extraction")


def test_without_the_extra_it_says_how_to_install_it(
    tuner: Tuner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(TandemError, match=r"gguf.*pip install 'tandem-lm\[tune\]'"):
        tuner.run("first", GIVEN)
    assert not (tuner.services.adapters.folder / "first").exists()
