"""Runs that are stopped, that meet errors, and that meet another run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tandem.errors import DocumentError, InvalidRequest, KnowledgeError, ModelUnavailable
from tandem.evals.case import Case
from tandem.evals.result import Result
from tandem.evals.runner import ResultsFile, alone, run
from tests.unit.evals.cases import case
from tests.unit.evals.slow_run import CASES, GRADERS, target

ROOT = Path(__file__).parents[3]


def go(folder: Path, work: object = target, cases: list[Case] = CASES) -> list[Result]:
    """Run; the results that were made now."""
    made: list[Result] = []
    results = ResultsFile(folder / "results.jsonl")
    try:
        run(cases, {"tandem": work}, GRADERS, results, made.append)  # type: ignore[dict-item]
    finally:
        results.close()
    return made


def lines(folder: Path) -> list[Result]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_bytes().splitlines()]


def test_a_killed_run_goes_on_and_counts_no_row_twice(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "tests.unit.evals.slow_run", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        ends = time.monotonic() + 60
        while not (path.exists() and path.read_bytes().count(b"\n") >= 5):
            assert time.monotonic() < ends
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    finished = path.read_bytes().count(b"\n")
    assert 5 <= finished < len(CASES)
    with path.open("ab") as stream:
        stream.write(b'{"id": "row-39", "policy": "tan')  # a kill in the middle of a write
    with alone(tmp_path):  # the lock died with its holder
        made = go(tmp_path)
    assert len(made) == len(CASES) - finished
    assert sorted(row["id"] for row in lines(tmp_path)) == sorted(one["id"] for one in CASES)
    assert go(tmp_path) == []


def test_a_row_that_fails_is_kept_and_tried_again(tmp_path: Path) -> None:
    def broken(one: Case) -> Result:
        if one["id"] == "row-3":
            raise ZeroDivisionError("with the row's own text")
        return target(one)

    assert len(go(tmp_path, broken)) == len(CASES)
    failed = next(row for row in lines(tmp_path) if row["id"] == "row-3")
    assert failed["error"] == {
        "code": "unexpected",
        "what": "ZeroDivisionError in the target.",
        "remedy": "Run with --verbose.",
    }
    assert failed["scores"] == {"label_match": 0.0}
    assert [row["id"] for row in go(tmp_path)] == ["row-3"]
    results = ResultsFile(tmp_path / "results.jsonl")
    assert len(results.rows) == len(CASES)
    assert results.rows["tandem", "films", "row-3"]["error"] is None
    results.close()


def test_a_row_that_no_policy_can_do_is_not_tried_again(tmp_path: Path) -> None:
    def unreadable(one: Case) -> Result:
        raise DocumentError("A scan without text.")

    assert len(go(tmp_path, unreadable)) == len(CASES)
    assert go(tmp_path, unreadable) == []


def test_what_every_row_would_meet_ends_the_run(tmp_path: Path) -> None:
    def without_index(one: Case) -> Result:
        if one["id"] == "row-2":
            raise KnowledgeError("There is no index.")
        return target(one)

    with pytest.raises(KnowledgeError):
        go(tmp_path, without_index)
    assert [row["id"] for row in lines(tmp_path)] == ["row-0", "row-1"]


def test_models_that_stay_down_end_the_run(tmp_path: Path) -> None:
    def down(one: Case) -> Result:
        raise ModelUnavailable("No model answered.")

    with pytest.raises(ModelUnavailable, match="5 rows in a row"):
        go(tmp_path, down)
    assert len(go(tmp_path)) == len(CASES)


def test_a_changed_row_is_run_again(tmp_path: Path) -> None:
    go(tmp_path, cases=[case(1), case(2)])
    assert [row["id"] for row in go(tmp_path, cases=[case(1), case(2, "Other.")])] == ["row-2"]


def test_garbage_in_the_file_costs_only_its_line(tmp_path: Path) -> None:
    go(tmp_path, cases=[case(1)])
    with (tmp_path / "results.jsonl").open("ab") as stream:
        stream.write(b"garbage\n[]\n")
    assert [row["id"] for row in go(tmp_path, cases=[case(1), case(2)])] == ["row-2"]


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(InvalidRequest, match="Another evaluation"),
        alone(tmp_path),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequest, match="cannot be written"), alone(tmp_path / "file" / "x"):
        pass
