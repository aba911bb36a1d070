"""Checkpointers from URLs, and how they write."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6

from tandem.checkpoints.opening import checkpointer_from_url, shown
from tandem.checkpoints.purging import too_old, uuid6_at
from tandem.checkpoints.sealing import encrypts, key_of, seal, serializer, unseal
from tandem.errors import CheckpointError, SettingsError

KEY = b"0123456789abcdef"
WORD = "QUINCE"


def put(saver: Any, thread: str, **values: Any) -> Any:
    config = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    checkpoint = {**empty_checkpoint(), "channel_values": values}
    return saver.put(config, checkpoint, {}, {})


def test_a_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "c.sqlite"
    saver = checkpointer_from_url(f"sqlite:///{file}")
    config = put(saver, "a", word=WORD)

    assert saver.get(config)["channel_values"] == {"word": WORD}  # type: ignore[index]
    written = list(file.parent.iterdir())
    assert len(written) == 3  # SQLite's log and index lie beside it
    assert {stat.S_IMODE(each.stat().st_mode) for each in written} == {0o600}
    saver.conn.close()  # type: ignore[attr-defined]


def test_with_a_key_nothing_is_readable_without_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.sqlite'}"
    saver = checkpointer_from_url(url, key=KEY)
    config = put(saver, "a", word=WORD)
    saver.put_writes(config, [("word", WORD)], "task")

    assert WORD.encode() not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert saver.get(config)["channel_values"] == {"word": WORD}  # type: ignore[index]
    with pytest.raises(ValueError, match="MAC"):
        checkpointer_from_url(url, key=KEY[::-1]).get(config)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "no URL"),
        ("mysql://a/b", "no URL"),
        ("sqlite:////proc/nowhere/c.sqlite", "cannot be opened"),
        ("postgresql://u:hunter2@127.0.0.1:1/d", "cannot be opened"),
    ],
)
def test_what_cannot_be_opened_is_told(url: str, words: str) -> None:
    with pytest.raises(CheckpointError, match=words) as caught:
        checkpointer_from_url(url, connect_s=1)
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)


def test_another_kind_of_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "c.sqlite"
    file.write_text("a letter, and no database at all" * 100)
    with pytest.raises(CheckpointError, match="not a database") as caught:
        checkpointer_from_url(f"sqlite:///{file}")
    assert "Move the file away" in caught.value.remedy
    assert file.read_text().startswith("a letter")


def test_a_password_is_never_shown() -> None:
    assert shown("postgresql://u:hunter2@host/d") == "postgresql://u:***@host/d"
    assert shown("sqlite:////a/b.sqlite") == "/a/b.sqlite"


@pytest.mark.parametrize("key", [None, KEY])
def test_values_are_sealed_and_opened(key: bytes | None) -> None:
    serde = serializer(key)
    sealed = seal(serde, {"word": WORD, "lines\n": [1, None]})
    assert (WORD.encode() in sealed) == (key is None)
    assert encrypts(serde) == (key is not None)
    assert unseal(serde, sealed) == {"word": WORD, "lines\n": [1, None]}


def test_what_was_written_before_there_was_a_key_is_read() -> None:
    assert unseal(serializer(KEY), seal(serializer(None), WORD)) == WORD


def test_a_checkpoint_makes_no_objects_and_no_pickles() -> None:
    serde = serializer(None)
    made = ("fractions", "Fraction", "1/2")
    planted = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(made)))
    assert serde.loads_typed(("msgpack", planted)) == "1/2"
    with pytest.raises(NotImplementedError):
        serde.loads_typed(("pickle", b"cposix\nsystem\n(S'true'\ntR."))
    with pytest.raises(TypeError):
        serde.dumps_typed(object())


@pytest.mark.parametrize(
    ("value", "key"), [("", None), ("k" * 16, b"k" * 16), ("k" * 32, b"k" * 32)]
)
def test_a_key_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, key: bytes | None
) -> None:
    monkeypatch.setenv("A_KEY", value)
    assert key_of("A_KEY") == key


def test_a_key_that_is_none_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "hunter2")
    with pytest.raises(SettingsError, match="7 bytes") as caught:
        key_of("A_KEY")
    assert "hunter2" not in str(caught.value)


def test_threads_that_are_too_old_are_found(tmp_path: Path) -> None:
    saver = checkpointer_from_url(f"sqlite:///{tmp_path / 'c.sqlite'}")
    put(saver, "old")
    put(saver, "new")
    later = time.time() + 3 * 86_400
    assert too_old(saver, days=4, now=later) == []
    put(saver, "old")
    assert sorted(too_old(saver, days=2, now=later)) == ["new", "old"]
    assert too_old(saver, days=2, now=later, thread="new") == ["new"]
    assert too_old(saver, days=2, now=later, thread="none") == []


def test_the_time_of_an_id_is_found() -> None:
    now = time.time()
    made = str(uuid6())
    assert uuid6_at(now - 5) < made < uuid6_at(now + 5)
    assert uuid6_at(now).encode().count(b"-") == 4
