"""The adapters' store: what is in force, and that nothing damaged ever is."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest, ModelFileError
from tandem.models.adapters import AdapterCard, Adapters, slot_of
from tandem.models.call import CallError
from tandem.models.endpoint import adapter_fields
from tandem.models.files import sha256_of, write_atomically
from tandem.models.promoted import PromotedFile
from tandem.models.tier import Prompt
from tandem.settings import Model

SLOT = slot_of("sentiment", "abc")


def finished(store: Adapters, name: str, slot: str = SLOT, base: str = "b" * 64) -> AdapterCard:
    """A finished adapter in `store`."""
    folder = store.prepare(name)
    (folder / "adapter.gguf").write_bytes(f"GGUF {name}".encode())
    card = AdapterCard(
        name=name,
        task="sentiment",
        slot=slot,
        base="base",
        base_sha256=base,
        sha256=sha256_of(folder / "adapter.gguf"),
        made=f"2026-11-24T10:00:0{len(store.all())}+00:00",
        labels=("up", "down"),
    )
    store.write(card)
    return card


@pytest.fixture
def store(tmp_path: Path) -> Adapters:
    return Adapters(tmp_path / "adapters")


def test_nothing_is_in_force_before_a_promotion(store: Adapters) -> None:
    assert store.in_force() == {}
    card = finished(store, "first")
    assert store.in_force() == {}
    assert store.all() == [card]


def test_a_promotion_comes_into_force_and_a_rollback_leads_back(store: Adapters) -> None:
    first, second = finished(store, "first"), finished(store, "second")
    store.promote("first")
    assert store.in_force() == {SLOT: first}
    store.promote("second")
    assert store.in_force() == {SLOT: second}
    assert store.rollback("second") == "first"
    assert store.in_force() == {SLOT: first}
    assert store.rollback("first") == ""
    assert store.in_force() == {}


def test_another_process_sees_a_promotion_at_once(store: Adapters) -> None:
    other = Adapters(store.folder)
    card = finished(store, "first")
    assert other.in_force() == {}
    store.promote("first")
    assert other.in_force() == {SLOT: card}


def test_it_is_served_with_its_own_base_only(store: Adapters) -> None:
    card = finished(store, "first")
    finished(store, "other", slot_of("sentiment", "other"), base="c" * 64)
    store.promote("first")
    store.promote("other")
    assert store.served_with("b" * 64) == [card]


def test_switched_off_nothing_is_in_force(store: Adapters) -> None:
    finished(store, "first")
    store.promote("first")
    assert Adapters(store.folder, enabled=False).in_force() == {}


def test_a_file_with_a_wrong_sum_is_neither_promoted_nor_used(store: Adapters) -> None:
    card = finished(store, "first")
    store.promote("first")
    path = store.file(card)
    path.write_bytes(b"GGUF something else")
    os.utime(store.folder / "promoted.json")
    assert Adapters(store.folder).in_force() == {}
    with pytest.raises(ModelFileError, match="its sum is wrong"):
        store.check(card)
    finished(store, "second")
    store.file(store.get("second")).unlink()
    with pytest.raises(ModelFileError, match="is gone"):
        store.promote("second")


def test_one_that_is_removed_or_changed_while_in_force_is_not_used_and_the_log_says_so(
    store: Adapters, caplog: pytest.LogCaptureFixture
) -> None:
    card = finished(store, "first")
    store.promote("first")
    assert store.served_with(card.base_sha256) == [card]
    path, made = store.file(card), store.file(card).read_bytes()
    path.write_bytes(b"GGUF something else")
    assert (store.served_with(card.base_sha256), store.in_force()) == ([], {})
    assert "its sum is wrong" in caplog.text
    caplog.clear()
    path.unlink()
    assert store.in_force() == {}
    assert "is gone" in caplog.text
    caplog.clear()
    assert store.in_force() == {}
    assert not caplog.text, "once is enough"
    path.write_bytes(made)
    assert store.in_force() == {SLOT: card}


def test_a_fault_that_passes_is_looked_at_again(
    store: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = finished(store, "first")
    store.promote("first")

    def too_many(path: Path) -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("tandem.models.adapters.sha256_of", too_many)
        assert Adapters(store.folder).in_force() == {}
        patched.setattr("tandem.models.adapters.LOOK_AGAIN_S", 0.0)
        other = Adapters(store.folder)
        assert other.in_force() == {}
    assert other.in_force() == {SLOT: card}


def test_one_that_cannot_be_removed_is_told(
    store: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store, "first")

    def refused(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refused)
    with pytest.raises(ModelFileError, match="Permission denied"):
        store.remove("first")


def test_one_whose_folder_is_gone_is_rolled_back_all_the_same(store: Adapters) -> None:
    card = finished(store, "first")
    finished(store, "second")
    store.promote("first")
    store.promote("second")
    shutil.rmtree(store.folder / "second")
    assert store.in_force() == {}
    assert store.rollback("second") == "first"
    assert store.in_force() == {SLOT: card}


def test_a_rollback_to_one_that_is_gone_says_that_the_model_as_it_is_answers(
    store: Adapters,
) -> None:
    store.promote(finished(store, "first").name)
    store.promote(finished(store, "second").name)
    shutil.rmtree(store.folder / "first")
    assert store.rollback("second") == ""


def test_a_list_that_cannot_be_read_is_not_written_over(
    store: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store, "first")
    finished(store, "other", slot_of("sentiment", "other"))
    store.promote("other")
    path, read = store.folder / "promoted.json", Path.read_text

    def refused(self: Path, *args: Any, **fields: Any) -> str:
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(self, *args, **fields)

    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_text", refused)
        assert Adapters(store.folder).in_force() == {}
        for change in (store.promote, store.rollback, store.remove):
            with pytest.raises(ModelFileError, match="Permission denied"):
                change("first")
    assert path.read_bytes() == before


def test_a_promotion_is_refused_where_another_came_first(store: Adapters) -> None:
    for name in ("a", "b", "c"):
        finished(store, name)
    store.promote("b", instead_of="")
    for expected in ("", "c"):
        with pytest.raises(InvalidRequest, match="changed since the comparison"):
            store.promote("a", instead_of=expected)
    assert store.in_force()[SLOT].name == "b"
    store.promote("a", instead_of="b")
    assert store.in_force()[SLOT].name == "a"


def test_what_is_promoted_and_not_used_does_not_stand_in_the_way(store: Adapters) -> None:
    finished(store, "a")
    store.promote("a")
    finished(store, "b")
    store.file(store.get("a")).unlink()
    store.promote("b", instead_of="")
    assert store.in_force()[SLOT].name == "b"


def test_a_list_that_another_holds_is_told_and_not_waited_for_forever(
    store: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store, "first")
    monkeypatch.setattr("tandem.models.promoted._LOCK_S", 0)
    with (
        PromotedFile(store.folder).locked(),
        pytest.raises(ModelFileError, match="Another process"),
    ):
        store.promote("first")


def test_a_damaged_list_switches_adapters_off_and_says_what_to_do(store: Adapters) -> None:
    finished(store, "first")
    store.promote("first")
    (store.folder / "promoted.json").write_text('{"slots": [1]}')
    assert Adapters(store.folder).in_force() == {}
    with pytest.raises(ModelFileError, match="damaged"):
        store.promote("first")


@pytest.mark.parametrize("name", ["", "../out", "UPPER", "a/b", "." * 5, "x" * 81])
def test_a_name_is_no_path(store: Adapters, name: str) -> None:
    with pytest.raises(InvalidRequest):
        store.prepare(name)
    with pytest.raises(InvalidRequest):
        store.get(name)
    with pytest.raises(InvalidRequest):
        store.remove(name)


def test_a_name_that_is_taken_is_refused_and_the_adapter_kept(store: Adapters) -> None:
    card = finished(store, "first")
    with pytest.raises(InvalidRequest, match="already"):
        store.prepare("first")
    assert store.get("first") == card


def test_a_half_trained_one_may_go_on_but_not_live(store: Adapters) -> None:
    card = replace(finished(store, "first"), name="half", sha256="")
    store.prepare("half")
    store.write(card)
    assert store.prepare("half").is_dir()
    with pytest.raises(InvalidRequest, match="no finished adapter"):
        store.promote("half")
    store.remove("half")
    assert not (store.folder / "half").exists()


def test_what_is_in_force_or_could_come_back_is_not_removed(store: Adapters) -> None:
    finished(store, "first")
    finished(store, "second")
    store.promote("first")
    store.promote("second")
    for name in ("first", "second"):
        with pytest.raises(InvalidRequest, match="Roll it back first"):
            store.remove(name)
    with pytest.raises(InvalidRequest, match="in force already"):
        store.promote("second")
    with pytest.raises(InvalidRequest, match="not in force"):
        store.rollback("first")


def test_a_kill_during_promotion_leaves_the_old_state(
    store: Adapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(store, "first")
    card = finished(store, "second")
    store.promote("first")

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store.promote("second")
    assert json.loads((store.folder / "promoted.json").read_text()) == {"slots": {SLOT: ["first"]}}
    store.promote("second")
    assert Adapters(store.folder).in_force() == {SLOT: card}


def test_a_small_file_is_utf_8_whatever_the_machine_says_and_leaves_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "small.json"
    monkeypatch.setattr("locale.getencoding", lambda: "ascii")
    write_atomically(path, json.dumps(["Zoë", "half of \ud83d"], ensure_ascii=False))
    assert json.loads(path.read_bytes().decode("utf-8")) == ["Zoë", "half of \ud83d"]

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, "new")
    assert [one.name for one in tmp_path.iterdir()] == ["small.json"]


HELD = ("a", "b")


def test_every_request_says_which_adapter_it_wants() -> None:
    model = Model(model="m")
    assert adapter_fields(Prompt([], 1, adapter="b"), model, HELD, "slm") == {
        "lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}]
    }
    plain = adapter_fields(Prompt([], 1), model, HELD, "slm")
    assert [one["scale"] for one in plain["lora"]] == [0.0, 0.0]
    assert adapter_fields(Prompt([], 1), model, (), "slm") == {}


def test_vllm_serves_an_adapter_under_its_name() -> None:
    model = Model(backend="openai", url="http://h/v1", dialect="vllm", adapters=HELD)
    assert adapter_fields(Prompt([], 1, adapter="b"), model, HELD, "slm") == {"model": "b"}
    assert adapter_fields(Prompt([], 1), model, HELD, "slm") == {}


def test_the_base_never_answers_for_an_adapter() -> None:
    with pytest.raises(CallError, match="does not hold the adapter c"):
        adapter_fields(Prompt([], 1, adapter="c"), Model(model="m"), HELD, "slm")
