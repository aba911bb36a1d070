"""Policies that were run apart, in one report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.evals.evaluation import IDENTITY, RESULTS, SUMMARY, Evaluation
from tandem.evals.joined import Joined, join
from tandem.evals.summarise import summarise
from tests.unit.evals.test_summary import SUITES, policy, row

SAME = {"code": "a", "settings": "b", "index": "c", "suites": {"films": "d"}}


def folder(
    path: Path, rows: list[Any], identity: Any = SAME, ended: bool = True, **told: Any
) -> Path:
    """A folder as `tandem eval` leaves it; not `ended`: as it stands while it runs."""
    path.mkdir()
    text = "".join(json.dumps(one) + "\n" for one in rows)
    (path / RESULTS).write_text(text, encoding="utf-8")
    (path / IDENTITY).write_text(json.dumps(identity), encoding="utf-8")
    if ended:
        summary = summarise("films", rows, SUITES, **told)
        (path / SUMMARY).write_text(json.dumps(summary), encoding="utf-8")
    return path


def rows(name: str, n: int = 20) -> list[Any]:
    return [row(number, name, number % 2 == 0) for number in range(n)]


def joined(*folders: Path, own: Evaluation | None = None) -> Joined:
    return join("films", own, folders, SUITES, "USD")


def test_policies_of_several_folders_stand_side_by_side(tmp_path: Path) -> None:
    slm = folder(tmp_path / "slm", rows("slm_only"), revision="abc")
    llm = folder(tmp_path / "llm", rows("llm_only"))
    found = joined(slm, llm).summary
    assert [one["policy"] for one in found["groups"][0]["policies"]] == [
        "slm_only",
        "llm_only",
        "oracle",
    ]
    assert (found["notices"], found["revision"]) == ([], "abc")
    assert policy(found, "slm_only")["all_llm_measured"]


def test_each_difference_is_named(tmp_path: Path) -> None:
    models = {"models": {"m": {"price": {"per_second": 1}}}, "fingerprint": "1"}
    slm = folder(tmp_path / "slm", rows("slm_only"), revision="abc", settings=models)
    models = {"models": {"m": {"price": {"per_second": 2}}}, "fingerprint": "2"}
    other = {"code": "x", "settings": "x", "index": "x", "suites": {"films": "x"}}
    llm = folder(tmp_path / "llm", rows("llm_only"), other, revision="def", settings=models)
    assert joined(slm, llm).summary["notices"] == [
        "llm (llm_only): other code than slm: def for abc",
        "llm (llm_only): other settings than slm: models.m.price.per_second",
        "llm (llm_only): other index than slm",
        "llm (llm_only): suites defined otherwise: films",
    ]


def test_a_difference_that_no_summary_shows_is_named_too(tmp_path: Path) -> None:
    slm = folder(tmp_path / "slm", rows("slm_only"))
    llm = folder(tmp_path / "llm", rows("llm_only"), {**SAME, "settings": "x"})
    (notice,) = joined(slm, llm).summary["notices"]
    assert notice.endswith("other settings than slm, in what the summaries do not show")
    bare = folder(tmp_path / "bare", rows("tandem"), identity={})
    assert joined(slm, bare).summary["notices"] == [
        "bare (tandem): what code and settings it was made by is not told"
    ]


def test_a_run_that_is_still_writing_is_read_as_far_as_it_came(tmp_path: Path) -> None:
    slm = folder(tmp_path / "slm", rows("slm_only"))
    llm = folder(tmp_path / "llm", rows("llm_only", 12), ended=False)
    with (llm / RESULTS).open("a", encoding="utf-8") as file:
        file.write('{"id": "row-12", "pol')
    before = (llm / RESULTS).read_bytes()
    found = joined(slm, llm).summary
    assert found["notices"] == ["llm_only did 12 of 20 rows: compare by the rows that both did"]
    figures = policy(found, "slm_only")
    assert (figures["all_llm_measured"], figures["compared_n"]) == (False, 12)
    assert (llm / RESULTS).read_bytes() == before


def test_a_runs_own_policies_and_rows_count(tmp_path: Path) -> None:
    mine = rows("tandem")
    own = Evaluation(
        summarise("films", mine, SUITES, notices=["mine"]), mine, folder(tmp_path / "own", mine)
    )
    changed = [{**one, "case_sum": "other"} for one in rows("llm_only")[:5]]
    theirs = [*changed, *rows("llm_only", 30)[5:], *rows("tandem")]
    found = joined(folder(tmp_path / "old", theirs), own=own)
    assert found.summary["notices"] == [
        "mine",
        "old: tandem left out: this run has its own",
        "old: 15 rows left out: they are not this run's",
        "llm_only did 15 of 20 rows: compare by the rows that both did",
    ]
    assert len(found.results) == 35


def test_one_policy_twice_is_refused(tmp_path: Path) -> None:
    two = [folder(tmp_path / name, rows("slm_only")) for name in ("a", "b")]
    with pytest.raises(InvalidRequest, match="slm_only stands in"):
        joined(*two)


def test_other_money_is_refused(tmp_path: Path) -> None:
    slm = folder(tmp_path / "slm", rows("slm_only"))
    llm = folder(tmp_path / "llm", rows("llm_only"), currency="EUR")
    with pytest.raises(InvalidRequest, match="counts in EUR, not in USD"):
        joined(slm, llm)


def test_rows_without_the_suites_score_do_not_count_as_wrong(tmp_path: Path) -> None:
    old = [*rows("slm_only", 2), row(3, "slm_only", True, scores={"other": 1.0})]
    found = joined(folder(tmp_path / "slm", old)).summary
    assert policy(found, "slm_only")["n"] == 2
    assert found["notices"] == [
        "films: 1 rows left out: the suite as it is now does not score them"
    ]


def test_rows_of_an_unknown_suite_are_told(tmp_path: Path) -> None:
    gone = [row(1, "slm_only", True, suite="gone")]
    path = tmp_path / "slm"
    path.mkdir()
    (path / RESULTS).write_text(json.dumps(gone[0]) + "\n", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="No row of the folders"):
        joined(path)


@pytest.mark.parametrize("text", [None, "", "{}\n", "no json\n"])
def test_a_folder_without_results_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / RESULTS).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest, match="holds no"):
        joined(tmp_path)
