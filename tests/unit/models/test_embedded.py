"""The life of embedded servers, with real processes that hold no model (fake_server.py)."""

from __future__ import annotations

import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tandem.errors import (
    Cancelled,
    DeadlineExceeded,
    ModelFileError,
    ModelUnavailable,
    SettingsError,
)
from tandem.models import processes
from tandem.models.cancel import Cancellation
from tandem.models.embedded import EmbeddedServers
from tandem.models.registry import Record, Registry, began
from tandem.models.running import key_of
from tandem.settings import Cache, Limits, Model, Settings

COMMAND = (sys.executable, "-S", "-E", str(Path(__file__).with_name("fake_server.py")))
ABOUT = ("own", "own.gguf", 512, 1, 1)


def settings_of(folder: Path, body: bytes = b"GGUF", start_s: float = 20) -> Settings:
    file = folder / "own.gguf"
    file.write_bytes(body)
    return Settings(
        cache=Cache(dir=str(folder / "cache")),
        models={"slm-embedded": Model(path=str(file), slots=1)},
        limits=Limits(start_s=start_s, connect_s=2),
    )


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[EmbeddedServers]:
    made = EmbeddedServers(settings_of(tmp_path), COMMAND)
    yield made
    made.stop()


def registry(folder: Path) -> Registry:
    return Registry(folder / "cache" / "servers")


def only_record(folder: Path) -> tuple[str, Record]:
    (found,) = registry(folder).live()
    return found


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    process.wait(5)


def test_a_server_is_started_once_and_then_known(servers: EmbeddedServers, tmp_path: Path) -> None:
    first = servers.endpoint("slm-embedded")
    assert [server.pid for server in servers.running()] == [first.pid]
    for path in (tmp_path / "cache" / "servers").iterdir():
        path.unlink()
    (tmp_path / "own.gguf").unlink()
    assert servers.endpoint("slm-embedded") is first, "the fast path reads no disk"
    kill(first.pid)


def test_another_process_of_the_user_shares_it(servers: EmbeddedServers, tmp_path: Path) -> None:
    first = servers.endpoint("slm-embedded")
    assert (
        EmbeddedServers(settings_of_existing(tmp_path), COMMAND).endpoint("slm-embedded") == first
    )


def settings_of_existing(folder: Path) -> Settings:
    return Settings(
        cache=Cache(dir=str(folder / "cache")),
        models={"other-name": Model(path=str(folder / "own.gguf"), slots=1)}
        | {"slm-embedded": Model(path=str(folder / "own.gguf"), slots=1)},
        limits=Limits(start_s=20, connect_s=2),
    )


def test_other_options_get_another_server(servers: EmbeddedServers, tmp_path: Path) -> None:
    first = servers.endpoint("slm-embedded")
    wider = settings_of_existing(tmp_path)
    model = wider.models["slm-embedded"].model_copy(update={"context": 1024})
    other = EmbeddedServers(
        wider.model_copy(update={"models": {**wider.models, "slm-embedded": model}}), COMMAND
    )
    assert other.endpoint("slm-embedded").pid != first.pid
    assert len(servers.running()) == 2


def test_simultaneous_first_uses_make_one_server(tmp_path: Path) -> None:
    several = [EmbeddedServers(settings_of(tmp_path), COMMAND) for _ in range(4)]
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda s: s.endpoint("slm-embedded"), several * 2))
        assert len({endpoint.pid for endpoint in found}) == 1
        assert len(several[0].running()) == 1
    finally:
        several[0].stop()


def test_the_record_is_private_and_argv_has_no_key(
    servers: EmbeddedServers, tmp_path: Path
) -> None:
    endpoint = servers.endpoint("slm-embedded")
    folder = tmp_path / "cache" / "servers"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    process = psutil.Process(endpoint.pid)
    assert endpoint.api_key not in " ".join([*process.cmdline(), *process.environ().values()])
    assert endpoint.api_key not in repr(endpoint) + repr(only_record(tmp_path))


def test_a_killed_server_is_restarted_once(servers: EmbeddedServers) -> None:
    first = servers.endpoint("slm-embedded")
    kill(first.pid)
    assert servers.endpoint("slm-embedded") is first, "nobody told yet"
    servers.invalidate("slm-embedded")
    second = servers.endpoint("slm-embedded")
    assert second.pid != first.pid
    assert second.api_key != first.api_key
    kill(second.pid)
    servers.invalidate("slm-embedded")
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="died twice within 30 s"):
            servers.endpoint("slm-embedded")


def test_invalidate_keeps_a_server_that_lives(servers: EmbeddedServers) -> None:
    first = servers.endpoint("slm-embedded")
    servers.invalidate("slm-embedded")
    assert servers.endpoint("slm-embedded") == first


def test_a_stopped_server_is_no_death(servers: EmbeddedServers) -> None:
    pids = set()
    for _ in range(3):
        pids.add(servers.endpoint("slm-embedded").pid)
        assert [server.name for server in servers.stop("slm-embedded")] == ["own"]
    assert len(pids) == 3
    assert servers.stop() == []


def test_stop_by_name_spares_the_others(servers: EmbeddedServers) -> None:
    servers.endpoint("slm-embedded")
    assert servers.stop("llm-embedded") == []
    assert len(servers.running()) == 1


def test_a_reused_process_id_fools_nobody(servers: EmbeddedServers, tmp_path: Path) -> None:
    first = servers.endpoint("slm-embedded")
    key, record = only_record(tmp_path)
    kill(first.pid)
    # A bystander (this very process) now has the id.
    registry(tmp_path).write(key, replace(record, pid=os.getpid()))
    assert servers.running() == []
    assert servers.stop() == []
    assert servers.endpoint("slm-embedded").pid not in (first.pid, os.getpid())


def test_a_foreign_key_on_the_port_is_not_trusted(servers: EmbeddedServers, tmp_path: Path) -> None:
    first = servers.endpoint("slm-embedded")
    key, record = only_record(tmp_path)
    registry(tmp_path).write(key, replace(record, api_key="another"))
    servers.invalidate("slm-embedded")
    second = servers.endpoint("slm-embedded")
    assert second.pid != first.pid
    assert not psutil.pid_exists(first.pid)


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"pid": "x"', '{"pid": 1}'])
def test_a_damaged_record_counts_as_none(tmp_path: Path, damage: str) -> None:
    (tmp_path / "key.json").write_text(damage)
    assert Registry(tmp_path).read("key") is None
    assert list(Registry(tmp_path).live()) == []


def test_a_busy_server_is_not_taken_for_dead(
    servers: EmbeddedServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = servers.endpoint("slm-embedded")
    servers.invalidate("slm-embedded")
    monkeypatch.setattr(processes, "health", lambda *_: "busy")
    assert servers.endpoint("slm-embedded") == first


def test_a_slow_server_times_out_as_busy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        record = Record(os.getpid(), began(os.getpid()), silent.getsockname()[1], "k", *ABOUT)
        assert processes.health(record, 0.1) == "busy"
    assert processes.health(record, 0.1) == "refuses"


def test_a_server_that_ends_while_loading_tells_the_cause(tmp_path: Path) -> None:
    failing = EmbeddedServers(settings_of(tmp_path, b"GGUF FAIL"), COMMAND)
    with pytest.raises(ModelUnavailable) as caught:
        failing.endpoint("slm-embedded")
    assert "load: the tensors are gone" in caught.value.what
    assert "tandem models verify" in caught.value.remedy
    assert failing.running() == []


def test_a_server_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    hanging = EmbeddedServers(settings_of(tmp_path, b"GGUF HANG", start_s=0.4), COMMAND)
    with pytest.raises(ModelUnavailable, match=r"not ready after 0\.4 s and was ended"):
        hanging.endpoint("slm-embedded")
    assert hanging.running() == []


def test_a_deadline_ends_the_wait_and_not_the_start(tmp_path: Path) -> None:
    starting = EmbeddedServers(settings_of(tmp_path, b"GGUF HANG"), COMMAND)
    try:
        with pytest.raises(DeadlineExceeded, match="while the server of own was starting"):
            starting.endpoint("slm-embedded", time.time() + 0.2)
        assert [server.port for server in starting.running()] == [0]
    finally:
        starting.stop()


def test_cancelling_ends_the_wait(tmp_path: Path) -> None:
    starting = EmbeddedServers(settings_of(tmp_path, b"GGUF HANG"), COMMAND)
    cancellation = Cancellation()
    cancellation.cancel()
    try:
        with pytest.raises(Cancelled):
            cancellation.context().run(starting.endpoint, "slm-embedded")
    finally:
        starting.stop()


def test_a_start_by_somebody_else_is_awaited(tmp_path: Path) -> None:
    waiting = EmbeddedServers(settings_of(tmp_path, start_s=0.3), COMMAND)
    wanted = waiting._wanted("slm-embedded", ())
    registry(tmp_path).prepare()
    with (
        registry(tmp_path).lock(key_of(wanted), 1),
        pytest.raises(ModelUnavailable, match="Another process"),
    ):
        waiting.endpoint("slm-embedded")
    loading = replace(wanted, pid=os.getpid(), began=began(os.getpid()))
    registry(tmp_path).write(key_of(wanted), loading)
    ready = threading.Timer(
        0.1, lambda: registry(tmp_path).write(key_of(wanted), replace(loading, port=9))
    )
    ready.start()
    assert waiting.endpoint("slm-embedded").url == "http://127.0.0.1:9"
    ready.join()


@pytest.mark.parametrize("body", [b"", b"GGU", b"PK\x03\x04 a zip", b"\0" * 100])
def test_what_is_no_gguf_never_reaches_a_server(tmp_path: Path, body: bytes) -> None:
    servers = EmbeddedServers(settings_of(tmp_path, body), ("/no/such/command",))
    with pytest.raises(ModelFileError, match="is no GGUF file"):
        servers.endpoint("slm-embedded")


def test_a_catalogue_file_that_is_missing_or_cut_short(tmp_path: Path) -> None:
    settings = Settings(cache=Cache(dir=str(tmp_path)))
    servers = EmbeddedServers(settings, ("/no/such/command",))
    with pytest.raises(ModelFileError, match=r"tandem models pull qwen2\.5-coder-0\.5b"):
        servers.endpoint("slm-embedded")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match="cut short"):
        servers.endpoint("slm-embedded")


def test_a_name_that_is_no_embedded_model(tmp_path: Path) -> None:
    settings = Settings(models={"hosted": Model(backend="openai", model="m")})
    for name in ("hosted", "nobody"):
        with pytest.raises(SettingsError, match=f"no embedded model '{name}'"):
            EmbeddedServers(settings).endpoint(name)


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with pytest.raises(ModelFileError, match=r"cannot be written.*TANDEM_CACHE"):
        EmbeddedServers(settings, COMMAND).endpoint("slm-embedded")
