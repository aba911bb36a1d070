from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tandem.cli.routing import app
from tandem.errors import InvalidRequest
from tandem.routing.head import load_head
from tandem.services import Services
from tandem.settings import Settings
from tests.unit.knowledge.makers import WordEmbeddings
from tests.unit.routing.makers import labelled


class _FakeServices(Services):
    @cached_property
    def embeddings(self) -> WordEmbeddings:
        return WordEmbeddings()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("tandem.services.Services", _FakeServices)
    return Settings(home=tmp_path)


def run(settings: Settings, *arguments: object) -> Result:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)], obj=settings)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def file(path: Path, each: int = 12, slm_failed: bool = False) -> Path:
    rows: list[dict[str, Any]] = [
        {**row.request, "task": row.task, "group": row.group, "slm_failed": row.slm_failed}
        for row in labelled(each, slm_failed)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_it_trains_tells_and_writes(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "head.json"
    data = file(tmp_path / "rows.jsonl")
    outcomes = file(tmp_path / "outcomes.jsonl", each=30, slm_failed=True)
    result = run(
        settings, "--data", data, "--outcomes", outcomes, "--out", out, "--min-rows", 5,
        "--licence", "CC0 1.0",
    )  # fmt: skip
    head = load_head(out)
    assert head.card["licence"] == "CC0 1.0"
    assert head.card["rows"] == 36
    assert head.complexity is not None
    for told in ("held-out accuracy", "calibration error", "AUROC", "support_reply", str(out)):
        assert told in result.output


def test_the_ledger_says_what_it_has(settings: Settings) -> None:
    with pytest.raises(InvalidRequest, match="There are no labelled requests"):
        run(settings, "--from-ledger")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to train on"),
        (["--data", "none.jsonl"], "There is no file none.jsonl"),
        (["--data", "rows.jsonl"], r"Fewer than 20 labelled requests: faq \(12\)"),
        (["--data", "rows.jsonl", "--min-rows", "5", "--out", "no/such/x.json"], "written"),
    ],
)
def test_what_cannot_be_done_is_told(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    file(tmp_path / "rows.jsonl")
    with pytest.raises(InvalidRequest, match=told):
        run(settings, *arguments)
    assert not (tmp_path / "task_head.json").exists()
