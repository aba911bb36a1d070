"""Files of `tandem run` that are none, rows that are bad, and a run that is interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.shell import FAILED, INVALID, SECRET, Run, check
from tests.unit.fakes import completion
from tests.unit.services import FakeServices


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", ("no rows",)),
        ('{"id": "1"\n', ("in.jsonl:1", "no JSON")),
        ('{"id": "1", "text": "a"}\n[]\n', ("in.jsonl:2", "not a JSON object")),
        ('{"text": "a"}\n', ("in.jsonl:1", "id")),
        ('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}\n', ("in.jsonl:2", "twice")),
        ("[" * 100_000, ("in.jsonl:1", "nested")),
    ],
)
def test_rows_that_are_none(run: Run, tmp_path: Path, rows: str, words: tuple[str, ...]) -> None:
    (tmp_path / "in.jsonl").write_text(rows)
    check(run("run", "in.jsonl", "out.jsonl"), INVALID, *words)
    assert not (tmp_path / "out.jsonl").exists()


def test_the_requests_are_never_overwritten(run: Run, tmp_path: Path) -> None:
    rows = '{"id": "1", "text": "a"}\n'
    (tmp_path / "in.jsonl").write_text(rows)
    check(run("run", "in.jsonl", "in.jsonl", "--fresh"), INVALID, "overwrite")
    (tmp_path / "other.jsonl").write_text("a file of the user's\n")
    check(run("run", "in.jsonl", "other.jsonl"), INVALID, "other.jsonl:1", "--fresh")
    assert (tmp_path / "in.jsonl").read_text() == rows
    assert (tmp_path / "other.jsonl").read_text() == "a file of the user's\n"


def test_an_output_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "1", "text": "a"}\n')
    for output in ("/proc/none/out.jsonl", tmp_path / "in.jsonl" / "out.jsonl"):
        check(run("run", "in.jsonl", output), INVALID, "cannot be written", "another file")
    check(run("run", "in.jsonl", tmp_path), INVALID, "is a folder")


@pytest.mark.parametrize(
    "row",
    [
        {"text": ""},
        {"text": SECRET, "task": "dance"},
        {"text": SECRET, "files": 5},
        {"text": SECRET, "files": ["none.pdf"]},
        {"text": SECRET, "documents": 7, "files": ["in.jsonl"]},
        {"text": SECRET, "nonsense": True},
        {"text": [SECRET]},
    ],
)
def test_a_bad_row_is_told_and_the_others_go_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]
) -> None:
    services = FakeServices(tmp_path, slm=[completion("positive")])
    monkeypatch.setattr("tandem.app.Services", lambda _settings: services)
    good = {"id": "good", "text": "A fine film.", "task": "sentiment"}
    rows = [{"id": "bad", **row}, {**good, "labels": ["positive", "negative"]}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    told = run("run", "in.jsonl", "out.jsonl")
    assert (told.code, told.err.strip()) == (FAILED, "")
    bad, done = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert bad["error"]["what"]
    assert SECRET not in json.dumps(bad)
    assert (done["id"], done["output"]["label"]) == ("good", "positive")


def test_interrupted_it_says_how_far_it_came(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = completion("positive")
    services = FakeServices(tmp_path, slm=[sure, sure, sure])
    monkeypatch.setattr("tandem.app.Services", lambda _settings: services)
    row = {"text": "A fine film.", "task": "sentiment", "labels": ["positive", "negative"]}
    rows = [json.dumps({"id": str(number), **row}) for number in range(3)]
    (tmp_path / "in.jsonl").write_text("\n".join(rows))

    shown: list[Any] = []

    def add(_table: Any, row: Any, *_: Any) -> None:
        shown.append(row)
        if len(shown) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tandem.cli.live.LiveTable.add", add)
        told = run("run", "in.jsonl", "out.jsonl")
    assert told.code == 130
    assert "2 of 3 rows are done" in told.err
    assert "goes on with the rest" in told.err
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2
