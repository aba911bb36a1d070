"""`tandem models` on an empty or small cache."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tandem.cli import models
from tandem.errors import ModelFileError
from tandem.models import catalog, fetch
from tandem.models.catalog import ModelFile, Part
from tandem.models.files import Progress
from tandem.settings import Cache, EmbeddingSettings, Model, Settings

BODY = b"GGUF small"


def entry(name: str, role: catalog.Role, companion: str = "") -> ModelFile:
    return ModelFile(
        name=name,
        file=f"{name}.gguf",
        role=role,
        title=name,
        licence="CC0-1.0",
        bytes=len(BODY),
        sha256=hashlib.sha256(BODY).hexdigest(),
        hub=None,
        parts=(Part("p", "1", "m"),),
        companion=companion,
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    entries = [entry("one", "slm"), entry("emb", "embeddings", "tok"), entry("tok", "tokenizer")]
    entries.append(entry("spare", "tiny"))
    monkeypatch.setattr(catalog, "CATALOG", {file.name: file for file in entries})
    return Settings(
        cache=Cache(dir=str(tmp_path / "cache")),
        models={"slm-embedded": Model(model="one"), "llm-embedded": Model(model="one")},
        embeddings=EmbeddingSettings(model="emb"),
    )


def run(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(models.app, list(words), obj=settings)


def put(settings: Settings, name: str, body: bytes = BODY) -> Path:
    path = settings.cache_dir / "models" / f"{name}.gguf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["one", "emb", "tok"]),
        (["spare"], ["spare"]),
        (["emb"], ["emb", "tok"]),
        (["slm-embedded"], ["one"]),
    ],
)
def test_pull_takes_what_is_named_or_needed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: list[str]
) -> None:
    pulled: list[str] = []

    def pull(file: ModelFile, _settings: Settings, progress: Progress) -> None:
        progress(file.bytes, file.bytes)
        pulled.append(file.name)

    monkeypatch.setattr(fetch, "pull", pull)
    result = run(settings, "pull", *words)
    assert result.exit_code == 0
    assert pulled == expected


def test_list_shows_each_state(settings: Settings) -> None:
    put(settings, "one")
    put(settings, "emb", b"cut")
    rows = json.loads(run(settings, "list", "--json").stdout)
    states = {row["file"]["name"]: (row["state"], row["needed"]) for row in rows}
    assert states == {
        "one": ("present", True),
        "emb": ("wrong size", True),
        "tok": ("missing", True),
        "spare": ("missing", False),
    }
    table = run(settings, "list").stdout
    assert all(name in table for name in states)


def test_verify_says_the_sum_or_raises(settings: Settings) -> None:
    put(settings, "one")
    assert hashlib.sha256(BODY).hexdigest() in run(settings, "verify", "one").stdout
    wrong = put(settings, "spare", b"X" * len(BODY))
    result = run(settings, "verify", "spare")
    assert isinstance(result.exception, ModelFileError)
    assert not wrong.exists()


def test_an_unknown_name_is_an_error_of_ours(settings: Settings) -> None:
    assert isinstance(run(settings, "pull", "nobody").exception, ModelFileError)


def test_without_servers_status_and_stop_say_so(settings: Settings) -> None:
    assert "No embedded server runs" in run(settings, "status").stdout
    assert json.loads(run(settings, "status", "--json").stdout) == []
    assert "Nothing to stop" in run(settings, "stop").stdout


def test_presets_are_listed(settings: Settings) -> None:
    rows = json.loads(run(settings, "presets", "--json").stdout)
    assert {"phi-3-mini-tgi", "llama-3-8b-vllm"} <= {row["name"] for row in rows}
    assert "phi-3-mini-tgi" in run(settings, "presets").stdout
