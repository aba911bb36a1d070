"""The report: figures, failures without sensitive text, pictures that are pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.evals import pictures
from tandem.evals.failures import UNSERVED, WITHHELD, confusion, worst
from tandem.evals.markdown import failures_text
from tandem.evals.report import NO_PICTURES, Report
from tandem.evals.summarise import summarise
from tests.unit.evals.test_summary import SUITES, policy, row, step, three

PRIMARY = dict.fromkeys(SUITES, "label_match")
PNG = b"\x89PNG\r\n\x1a\n"


def report(rows: list[Any]) -> Report:
    return Report(summarise("films", rows, SUITES), rows, SUITES)


def test_compute_seconds_and_calls_stand_beside_the_prices() -> None:
    summary = summarise("films", three(), SUITES)
    slm, llm = policy(summary, "slm_only"), policy(summary, "llm_only")
    assert (slm["compute_seconds"], slm["all_llm_seconds"], slm["compute_ratio"]) == (10, 10, 1)
    assert llm["model_calls"] == {"llm": 20}
    alone = policy(summarise("films", [row(1, "tandem", True)], SUITES), "tandem")
    assert (alone["all_llm_seconds"], alone["compute_ratio"]) == (None, None)


def test_the_report_is_written_with_pictures(tmp_path: Path) -> None:
    path = report(three()).write(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert path.name.endswith("-films.md")
    assert "| tandem | 20 |" in text
    assert "4.0x" in text, "llm_only took 4 s a row, slm_only 1 s"
    assert "over random mixing at the same cost" in text
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["summary"]["suite"] == "films"
    drawn = sorted(tmp_path.glob("*.png"))
    assert len(drawn) == 8, "cost, three policies, tiers, three matrices"
    assert all(one.read_bytes().startswith(PNG) for one in drawn)
    assert all(f"({one.name})" in text for one in drawn)


def test_without_matplotlib_it_says_how_to_get_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "available", lambda: False)
    path = report(three()).write(tmp_path)
    assert NO_PICTURES in path.read_text(encoding="utf-8")
    assert list(tmp_path.glob("*.png")) == []


def test_served_wrong_rows_come_first_and_then_the_dearest() -> None:
    rows = [
        row(1, "tandem", None, cost=9.0),
        row(2, "tandem", False, cost=1.0),
        row(3, "tandem", True),
        row(4, "tandem", False, cost=2.0),
    ]
    assert [one["id"] for one in worst(rows, PRIMARY)] == ["row-4", "row-2", "row-1"]


@pytest.mark.parametrize("level", ["personal", "secret"])
def test_of_a_sensitive_row_no_text_is_shown(level: str) -> None:
    wrong = row(1, "tandem", False, sensitivity=level, expected={"name": "planted value"})
    (failure,) = worst([wrong], PRIMARY)
    assert (failure["expected"], failure["got"]) == (WITHHELD, WITHHELD)
    assert "planted value" not in failures_text([failure], "tandem")


def test_what_the_detector_knows_is_masked_in_an_open_row() -> None:
    wrong = row(1, "tandem", False, expected="write to ann.lee@example.com | now")
    wrong["route"] = [{**step("slm", False), "failed": ["grounded (total: not in the source)"]}]
    (failure,) = worst([wrong], PRIMARY)
    assert "ann.lee" not in failure["expected"]
    assert failure["reasons"] == [
        "slm: grounded (total: not in the source)",
        "below 1: label_match",
    ]


def test_a_matrix_counts_what_was_not_served() -> None:
    rows = [row(1, "tandem", True), row(2, "tandem", False), row(3, "tandem", None)]
    matrix = confusion("films", "tandem", rows)
    assert matrix is not None
    assert matrix["labels"] == ["positive", UNSERVED, "negative"]
    assert matrix["counts"] == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert confusion("films", "tandem", [row(1, "tandem", True, expected={"a": 1})]) is None


def test_many_labels_are_listed_by_their_confusions(tmp_path: Path) -> None:
    rows = [row(number, "tandem", False, expected=f"label-{number % 40}") for number in range(80)]
    text = report(rows).write(tmp_path).read_text(encoding="utf-8")
    assert "| label-0 | negative | 2 |" in text
    assert list(tmp_path.glob("*confusion*")) == []
