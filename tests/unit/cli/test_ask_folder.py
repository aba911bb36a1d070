"""`tandem ask --folder`: documents of a folder, with sources and coverage told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.shell import Run
from tests.unit.graphs.test_research import ASKED, CONCLUDED, GYM, LOCKER, REQUEST, services
from tests.unit.nodes.research.words import WordEmbeddings

QUESTION = str(REQUEST["text"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = services(tmp_path, llm=[ASKED, CONCLUDED])
    made.__dict__["embeddings"] = WordEmbeddings()
    monkeypatch.setattr("tandem.app.Services", lambda _settings: made)
    documents = tmp_path / "documents"
    documents.mkdir()
    return documents


def test_a_folder_is_researched_and_its_gaps_are_told(run: Run, folder: Path) -> None:
    (folder / "lockers.md").write_text(f"# Lockers\n{LOCKER}")
    (folder / "gym.txt").write_text(GYM)
    (folder / "empty.txt").write_text("")
    (folder / "picture.pdf").write_bytes(b"\x89PNG")
    told = run("ask", QUESTION, "--folder", str(folder))
    assert told.code == 0
    assert "A locker costs 8 dollars [1]" in told.out
    assert f"[1] lockers.md (Lockers): {LOCKER}" in told.out
    assert f"[2] gym.txt (gym): {GYM}" in told.out
    assert "research: accepted by llm" in told.err
    assert "documents: 2 read\n  not read: empty.txt is empty" in told.err
    assert "picture.pdf is a picture" in told.err


def test_the_whole_answer_as_json(run: Run, folder: Path) -> None:
    (folder / "all.txt").write_text(f"{LOCKER}\n{GYM}")
    told = run("ask", QUESTION, "--folder", str(folder), "--json")
    coverage = json.loads(told.out)["output"]["coverage"]
    assert coverage["documents"] == {"read": 1, "unreadable": [], "cut": []}


def test_an_empty_folder_is_a_clear_error(run: Run, folder: Path) -> None:
    told = run("ask", QUESTION, "--folder", str(folder))
    assert (told.code, told.out) == (2, "")
    assert "holds no file that Tandem reads" in told.err


def test_a_missing_folder_is_a_clear_error(run: Run, folder: Path) -> None:
    told = run("ask", QUESTION, "--folder", str(folder / "none"))
    assert (told.code, told.out) == (2, "")
    assert "does not exist" in told.err
