from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tandem.cli.index import app
from tandem.errors import KnowledgeError
from tandem.services import Services
from tandem.settings import KnowledgeSettings, Settings
from tests.unit.knowledge.makers import WordEmbeddings


class _FakeServices(Services):
    @cached_property
    def embeddings(self) -> WordEmbeddings:
        return WordEmbeddings()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("tandem.services.Services", _FakeServices)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "leave.md").write_text("# Leave\n\nThirty days of holiday.")
    (tmp_path / "pages" / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    return Settings(home=tmp_path, knowledge=KnowledgeSettings(folder="pages"))


def run(settings: Settings, *arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), obj=settings)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_build_info_search(settings: Settings) -> None:
    built = run(settings, "build")
    assert "1 pages, 1 chunks; 1 added" in built.output
    assert "skipped: broken.pdf is a damaged PDF" in built.stderr
    told = run(settings, "info").output
    assert "words:64" in told
    assert "1 (6 words)" in told
    found = run(settings, "search", "thirty days of holiday", "-k", "1")
    assert "leave.md#1" in found.output
    assert "not in the knowledge base" not in found.output


def test_search_as_json_and_without_an_answer(settings: Settings) -> None:
    run(settings, "build", str(settings.home / "pages"))
    hits = json.loads(run(settings, "search", "holiday", "--json").output)
    assert hits[0]["chunk"]["text"] == "Thirty days of holiday."
    assert "not in the knowledge base" in run(settings, "search", "quantum").output


def test_what_is_missing_is_said(settings: Settings) -> None:
    with pytest.raises(KnowledgeError, match="There is no knowledge index"):
        run(settings, "info")
    with pytest.raises(KnowledgeError, match="There is no knowledge index"):
        run(settings, "search", "x")
    with pytest.raises(KnowledgeError, match="No knowledge folder is set"):
        run(Settings(home=settings.home), "build")
