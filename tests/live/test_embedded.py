"""The embedded server with the real tiny model: started, shared, killed, stopped, idle."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tandem.errors import ModelUnavailable
from tandem.models import fetch
from tandem.models.embedded import EmbeddedServers
from tandem.models.running import Endpoint
from tandem.settings import Cache, Limits, Model, Settings

pytestmark = pytest.mark.live
TINY = "smollm2-135m-instruct"
OTHER_PROCESS = """
import sys
from tandem.models.embedded import EmbeddedServers
from tandem.settings import Settings
servers = EmbeddedServers(Settings.model_validate_json(sys.stdin.read()))
sys.stdout.write(f"{servers.endpoint('slm-embedded').pid}")
"""


@pytest.fixture(scope="module")
def tiny_file() -> Path:
    return fetch.ensure(TINY, Settings())


def tiny_settings(folder: Path, tiny_file: Path, idle_minutes: float = 5) -> Settings:
    models = folder / "cache" / "models"
    models.mkdir(parents=True)
    (models / tiny_file.name).symlink_to(tiny_file)
    return Settings(
        cache=Cache(dir=str(folder / "cache")),
        models={"slm-embedded": Model(model=TINY, context=1024, slots=1, private=True)},
        limits=Limits(idle_minutes=idle_minutes),
    )


@pytest.fixture
def settings(
    tmp_path: Path, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    monkeypatch.delenv("TANDEM_CACHE", raising=False)
    made = tiny_settings(tmp_path, tiny_file)
    yield made
    EmbeddedServers(made).stop()


def ask(endpoint: Endpoint, text: str = "Say hello.", **extra: object) -> httpx.Response:
    return httpx.post(
        f"{endpoint.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {endpoint.api_key}"},
        json={"messages": [{"role": "user", "content": text}], "max_tokens": 4, **extra},
        timeout=60,
        trust_env=False,
    )


def start_other(settings: Settings) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(settings.model_dump_json())
    process.stdin.close()
    process.stdin = None
    return process


def pid_from(process: subprocess.Popen[str]) -> int:
    return int(process.communicate(timeout=60)[0])


def test_started_keyed_shared_and_stopped(settings: Settings) -> None:
    servers = EmbeddedServers(settings)
    endpoint = servers.endpoint("slm-embedded")
    answer = ask(endpoint).json()
    assert answer["model"] == TINY, "no path of this machine"
    assert answer["choices"][0]["message"]["content"]
    no_key = httpx.get(f"{endpoint.url}/v1/models", trust_env=False)
    assert no_key.status_code == httpx.codes.UNAUTHORIZED
    assert pid_from(start_other(settings)) == endpoint.pid
    assert ask(endpoint).is_success, "it outlives who asked for it"
    assert [server.pid for server in servers.stop("slm-embedded")] == [endpoint.pid]
    assert not psutil.pid_exists(endpoint.pid)
    with pytest.raises(httpx.ConnectError):
        ask(endpoint)


def test_simultaneous_starts_make_one_server(settings: Settings) -> None:
    pids = {pid_from(process) for process in [start_other(settings) for _ in range(3)]}
    assert len(pids) == 1
    assert [server.pid for server in EmbeddedServers(settings).running()] == list(pids)


def test_killed_then_restarted(settings: Settings) -> None:
    servers = EmbeddedServers(settings)
    first = servers.endpoint("slm-embedded")
    psutil.Process(first.pid).kill()
    with pytest.raises(httpx.TransportError):
        ask(first)
    servers.invalidate("slm-embedded")
    second = servers.endpoint("slm-embedded")
    assert second.pid != first.pid
    assert ask(second).is_success


def test_no_request_text_reaches_the_log(settings: Settings, tmp_path: Path) -> None:
    endpoint = EmbeddedServers(settings).endpoint("slm-embedded")
    assert ask(endpoint, "the word is QUINCE").is_success
    for broken in ({"grammar": 'root ::= QUINCE " '}, {"messages": [{"role": "QUINCE"}]}):
        assert ask(endpoint, **broken).is_client_error
    logs = [path.read_text() for path in (tmp_path / "cache" / "servers").glob("*.log")]
    assert len(logs) == 1
    assert "QUINCE" not in logs[0]


def test_a_file_cut_in_the_middle_tells_the_cause(settings: Settings, tiny_file: Path) -> None:
    cut = settings.cache_dir / "cut.gguf"
    with tiny_file.open("rb") as stream:
        cut.write_bytes(stream.read(5_000_000))
    models = {**settings.models, "slm-embedded": Model(path=str(cut))}
    with_cut = settings.model_copy(update={"models": models})
    with pytest.raises(ModelUnavailable, match="corrupted or incomplete"):
        EmbeddedServers(with_cut).endpoint("slm-embedded")


def test_it_ends_when_idle_and_not_before(
    tmp_path: Path, tiny_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TANDEM_CACHE", raising=False)
    settings = tiny_settings(tmp_path, tiny_file, idle_minutes=2 / 60)
    servers = EmbeddedServers(settings)
    endpoint = servers.endpoint("slm-embedded")
    for _ in range(4):
        assert ask(endpoint).is_success
        time.sleep(1)
    _wait_for(lambda: not servers.running())
    assert not list((tmp_path / "cache" / "servers").glob("*.json"))
    servers.invalidate("slm-embedded")
    assert servers.endpoint("slm-embedded").pid != endpoint.pid
    servers.stop()


def _wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
