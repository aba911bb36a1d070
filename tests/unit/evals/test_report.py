"""The report: figures, failures without sensitive text, pictures that are pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.evals import pictures
from tandem.evals.failures import (
    MASKED,
    OTHER,
    SHOWN,
    UNSERVED,
    WITHHELD,
    confusion,
    sensitive,
    worst,
)
from tandem.evals.markdown import failures_text, p_text
from tandem.evals.outcomes import of_error
from tandem.evals.report import NO_PICTURES, Report
from tandem.evals.summarise import summarise
from tandem.evals.summary import NO_MODEL
from tests.unit.evals.cases import case
from tests.unit.evals.test_summary import SUITES, policy, row, step, three

PRIMARY = dict.fromkeys(SUITES, "label_match")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without matplotlib, which takes its time."""
    monkeypatch.setattr(pictures, "available", lambda: False)


def report(rows: list[Any]) -> Report:
    return Report(summarise("films", rows, SUITES), rows, SUITES)


def test_compute_seconds_and_calls_stand_beside_the_prices() -> None:
    summary = summarise("films", three(), SUITES)
    slm, llm = policy(summary, "slm_only"), policy(summary, "llm_only")
    assert (slm["compute_seconds"], slm["all_llm_seconds"], slm["compute_ratio"]) == (10, 10, 1)
    assert llm["model_calls"] == {"llm": 20}
    assert (slm["llm_call_share"], llm["llm_call_share"], llm["speed_up"]) == (0, 1, 1)
    assert slm["speed_up"] == slm["tasks"]["sentiment"]["speed_up"] == 4
    rows = [row(1, "tandem", True)]
    alone = policy(summarise("films", rows, SUITES), "tandem")
    assert (alone["all_llm_seconds"], alone["compute_ratio"], alone["speed_up"]) == (None,) * 3
    assert "| not measured |" in report(rows).markdown()


def test_compute_is_compared_on_the_rows_that_both_did() -> None:
    error = {"code": "egress_blocked", "what": "", "remedy": ""}
    slow = {**step("llm", True), "seconds": 2.0}
    rows = [row(n, "tandem", True, all_llm_cost=0.3) for n in range(3)]
    rows += [row(0, "llm_only", True, route=[slow]), row(1, "llm_only", None, error=error)]
    figures = policy(summarise("films", rows, SUITES), "tandem")
    assert (figures["compared_n"], figures["compute_ratio"]) == (1, 0.25)
    assert (figures["all_llm_measured"], figures["all_llm_cost"]) == (False, 1.6)


def test_an_answer_without_a_model_is_no_tiers() -> None:
    found = row(1, "tandem", True, route=[{**step("slm", True), "calls": 0}], seconds=0.01)
    figures = policy(summarise("films", [found, row(2, "tandem", True)], SUITES), "tandem")
    assert {name: one["p50"] for name, one in figures["seconds_by_tier"].items()} == {
        NO_MODEL: 0.01,
        "slm": 1.0,
    }


def test_the_report_is_written_with_pictures(tmp_path: Path) -> None:
    path = report(three()).write(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert path.name.endswith("-films.md")
    assert "| tandem | 20 |" in text
    assert "4.0x" in text, "llm_only took 4 s a row, slm_only 1 s"
    assert "| films (sentiment) | llm_only | 20 | 20.000000 | 20.000000 | 0.0 | 10.0 |" in text
    assert "| films (sentiment) | tandem | 20 | 0.0% | 0.750 | +0.150 |" in text
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["summary"]["suite"] == "films"
    drawn = sorted(tmp_path.glob("*.png"))
    assert len(drawn) == 6, "cost, tasks, tiers, three matrices"
    assert all(one.read_bytes().startswith(PNG) for one in drawn)
    assert all(f"({one.name})" in text for one in drawn)


@pytest.mark.usefixtures("undrawn")
def test_without_matplotlib_it_says_how_to_get_pictures(tmp_path: Path) -> None:
    path = report(three()).write(tmp_path)
    assert NO_PICTURES in path.read_text(encoding="utf-8")
    assert list(tmp_path.glob("*.png")) == []


def test_no_p_is_told_as_zero() -> None:
    assert (p_text(0.0004), p_text(0.0412)) == ("p < 0.001", "p = 0.041")


@pytest.mark.usefixtures("undrawn")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="the results are kept"):
        report(three()).write(tmp_path / "file")


def test_served_wrong_rows_come_first_and_then_the_dearest() -> None:
    rows = [
        row(1, "tandem", None, cost=9.0),
        row(2, "tandem", False, cost=1.0),
        row(3, "tandem", True),
        row(4, "tandem", False, cost=2.0),
    ]
    assert [one["id"] for one in worst(rows, PRIMARY, "tandem")] == ["row-4", "row-2", "row-1"]


@pytest.mark.parametrize("level", ["personal", "secret"])
def test_of_a_sensitive_row_no_text_is_shown(level: str) -> None:
    wrong = row(1, "tandem", False, sensitivity=level, expected={"name": "planted value"})
    wrong["route"] = [{**step("slm", False), "failed": ["grounded (planted value)"]}]
    (failure,) = worst([wrong], PRIMARY, "tandem")
    assert (failure["expected"], failure["got"]) == (WITHHELD, WITHHELD)
    assert failure["reasons"] == ["slm: grounded", "below 1: label_match"]
    assert "planted value" not in failures_text([failure], "tandem")


def test_a_row_is_sensitive_if_any_policy_found_it_so() -> None:
    rows = [row(1, "tandem", False), row(1, "slm_only", True, sensitivity="personal")]
    assert worst(rows, PRIMARY, "tandem")[0]["got"] == WITHHELD


def test_a_row_that_nobody_assessed_counts_as_secret_and_hides_no_other() -> None:
    error: Any = {"code": "deadline", "what": "", "remedy": ""}
    unread = of_error("tandem", case(1), error)
    assert unread["sensitivity"] == "secret"
    assert len(sensitive([unread])) == 1
    assert sensitive([unread, row(1, "slm_only", True, suite=unread["suite"])]) == set()
    told = {**unread, "reasons": ["secret: found 1 API_KEY"]}
    assert len(sensitive([told, row(1, "slm_only", True, suite=unread["suite"])])) == 1  # type: ignore[list-item]


def test_a_row_that_nobody_assessed_is_not_shown() -> None:
    error = {"code": "deadline", "what": "", "remedy": ""}
    rows = [row(1, "tandem", None, routed_task="", error=error)]
    (failure,) = worst(rows, PRIMARY, "tandem")
    assert (failure["expected"], failure["reasons"][0]) == (WITHHELD, "error deadline")
    rows.append(row(1, "slm_only", True))
    assert worst(rows, PRIMARY, "tandem")[0]["expected"] == "positive"


def test_no_suite_hides_the_others_failures() -> None:
    rows = [row(number, "tandem", False) for number in range(9)]
    rows += [row(number, "tandem", None, suite="songs") for number in range(2)]
    shown = [one["suite"] for one in worst(rows, PRIMARY, "tandem", 6)]
    assert shown == ["films"] * 4 + ["songs"] * 2


def test_a_value_found_in_part_is_not_shown_in_part() -> None:
    expected = {"address": "12 Baker Street, London NW1 6XE, back door", "total": "7.20"}
    (failure,) = worst([row(1, "tandem", False, expected=expected)], PRIMARY, "tandem")
    assert failure["expected"] == f"address: {MASKED}; total: 7.20"
    prose = "A long letter. " * 20 + "Write to ann.lee@example.com."
    (failure,) = worst([row(1, "tandem", False, expected=prose)], PRIMARY, "tandem")
    assert "A long letter." in failure["expected"]
    assert "ann.lee" not in failure["expected"]


def test_an_output_is_shown_by_its_fields_with_both_ends() -> None:
    output = {"work": "a" * 500 + " so it is 7", "answer": "7", "probabilities": {"x": 1}}
    (failure,) = worst([row(1, "tandem", False, output=output)], PRIMARY, "tandem")
    assert failure["got"].endswith("so it is 7; answer: 7")
    assert len(failure["got"]) <= SHOWN


def test_a_label_that_is_none_is_not_quoted() -> None:
    rows = [row(1, "tandem", False, output={"label": "any text at all"}), row(2, "tandem", False)]
    matrix = confusion("films", "tandem", rows, ["positive", "negative"])
    assert matrix is not None
    assert matrix["labels"] == ["positive", OTHER, "negative"]


def test_what_the_detector_knows_is_masked_in_an_open_row() -> None:
    wrong = row(1, "tandem", False, expected="write to ann.lee@example.com | now")
    wrong["route"] = [{**step("slm", False), "failed": ["grounded (total: not in the source)"]}]
    (failure,) = worst([wrong], PRIMARY, "tandem")
    assert failure["expected"] == MASKED
    assert failure["reasons"] == [
        "slm: grounded (total: not in the source)",
        "below 1: label_match",
    ]


def test_a_matrix_counts_what_was_not_served() -> None:
    rows = [row(1, "tandem", True), row(2, "tandem", False), row(3, "tandem", None)]
    matrix = confusion("films", "tandem", rows, ["positive", "negative"])
    assert matrix is not None
    assert matrix["labels"] == ["positive", UNSERVED, "negative"]
    assert matrix["counts"] == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert confusion("films", "tandem", [row(1, "tandem", True, expected={"a": 1})]) is None


def test_many_labels_are_listed_by_their_confusions(tmp_path: Path) -> None:
    rows = [row(number, "tandem", False, expected=f"label-{number % 40}") for number in range(80)]
    text = report(rows).write(tmp_path).read_text(encoding="utf-8")
    assert f"| label-0 | {OTHER} | 2 |" in text
    assert list(tmp_path.glob("*confusion*")) == []


def test_a_mixture_is_drawn_whole_and_by_suite(tmp_path: Path) -> None:
    few = three()[:6]
    rows = few + [{**one, "suite": "songs"} for one in few]
    text = report(rows).write(tmp_path).read_text(encoding="utf-8")
    assert text.index("## All rows") < text.index("## films (sentiment)")
    assert "## Seconds of a request by task" in text
    drawn = {path.name.partition("-films-")[2] for path in tmp_path.glob("*.png")}
    assert {"cost.png", "cost-suites.png"} < drawn


def test_a_run_in_which_nothing_answered_is_reported_too(tmp_path: Path) -> None:
    error = {"code": "model_unavailable", "what": "", "remedy": ""}
    rows = [row(n, "tandem", None, error=error, route=[], seconds=0.0) for n in range(3)]
    text = report(rows).write(tmp_path).read_text(encoding="utf-8")
    assert "errors (counted as wrong): model_unavailable 3" in text
