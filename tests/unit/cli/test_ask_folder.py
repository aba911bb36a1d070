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
    (folder / "offer.docx").write_bytes(b"PK\x03\x04")
    (folder / "lost.md").symlink_to(folder / "nowhere.md")
    (folder / "out.md").symlink_to(__file__)
    (folder / "back").symlink_to(folder)
    (folder / ".hidden.doc").write_text("x")
    told = run("ask", QUESTION, "--folder", str(folder))
    assert told.code == 0
    assert "A locker costs 8 dollars [1]" in told.out
    assert f"[1] lockers.md (Lockers): {LOCKER}" in told.out
    assert f"[2] gym.txt (gym): {GYM}" in told.out
    assert "research: accepted by llm" in told.err
    assert "documents: 2 read, 2 not\n  not read: empty.txt is empty" in told.err
    assert (
        "left out of the folder: 4\n"
        "  left out: back: a link to a folder\n"
        "  left out: lost.md: a link that leads nowhere\n"
        "  left out: offer.docx: of a type that is not read (.docx)\n"
        "  left out: out.md: a link that leads out of the folder\n"
    ) in told.err
    assert "picture.pdf is a picture" in told.err


def test_the_whole_answer_as_json(run: Run, folder: Path) -> None:
    (folder / "all.txt").write_text(f"{LOCKER}\n{GYM}")
    told = run("ask", QUESTION, "--folder", str(folder), "--json")
    coverage = json.loads(told.out)["output"]["coverage"]
    assert coverage["documents"] == {
        "read": 1,
        "unreadable": [],
        "cut": [],
        "left_out": [],
        "left_out_in_all": 0,
    }


def test_an_empty_folder_is_a_clear_error(run: Run, folder: Path) -> None:
    told = run("ask", QUESTION, "--folder", str(folder))
    assert (told.code, told.out) == (2, "")
    assert "holds no file that Tandem reads" in told.err


def test_a_missing_folder_is_a_clear_error(run: Run, folder: Path) -> None:
    told = run("ask", QUESTION, "--folder", str(folder / "none"))
    assert (told.code, told.out) == (2, "")
    assert "does not exist" in told.err


def test_a_file_in_place_of_a_folder_is_told(run: Run, folder: Path) -> None:
    (folder / "gym.txt").write_text(GYM)
    told = run("ask", QUESTION, "--folder", str(folder / "gym.txt"))
    assert (told.code, told.out) == (2, "")
    assert "gym.txt is a file, not a folder" in told.err
    assert "--file" in told.err


def test_a_folder_of_other_types_says_how_many(run: Run, folder: Path) -> None:
    for number in range(25):
        (folder / f"{number}.docx").write_bytes(b"PK")
    told = run("ask", QUESTION, "--folder", str(folder))
    assert told.code == 2
    assert "holds no file that Tandem reads (25 of other kinds)" in told.err


def test_of_many_files_that_are_left_out_the_first_are_named(run: Run, folder: Path) -> None:
    (folder / "all.txt").write_text(f"{LOCKER}\n{GYM}")
    for number in range(25):
        (folder / f"{number:02}.docx").write_bytes(b"PK")
    told = run("ask", QUESTION, "--folder", str(folder))
    assert "left out of the folder: 25" in told.err
    assert "  left out: 19.docx" in told.err
    assert "20.docx" not in told.err
    assert "  and 5 more" in told.err
