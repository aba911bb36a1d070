"""What a run came to, and the gate."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest
from tandem.evals import gate
from tandem.evals.loading import load_cases
from tandem.evals.outcomes import of_error
from tandem.evals.result import Result
from tandem.evals.suite import SUITES as SUITE_FILES
from tandem.evals.suite import Suite
from tandem.evals.summarise import summarise
from tandem.evals.summary import PolicySummary, Summary
from tests.unit.evals.cases import case

SUITES = {
    name: Suite(name=name, task="sentiment", primary="label_match", evaluators={"label_match": {}})
    for name in ("films", "songs")
}


def row(number: int, policy: str, right: bool | None, suite: str = "films", **fields: Any) -> Any:
    """A result; `right` None: not served."""
    return {
        **of_error(policy, case(number, suite=suite), None),
        "status": "accepted" if right is not None else "needs_review",
        "output": None if right is None else {"label": "positive" if right else "negative"},
        "tier": None if right is None else "llm" if policy == "llm_only" else "slm",
        "routed_task": "sentiment",
        "sensitivity": "none",
        "cost": 1.0 if policy == "llm_only" else 0.1,
        "seconds": 4.0 if policy == "llm_only" else 1.0,
        "scores": {"label_match": float(bool(right))},
        "route": [step("llm" if policy == "llm_only" else "slm", True)],
        **fields,
    }


def step(tier: str, accepted: bool) -> dict[str, Any]:
    return {
        "tier": tier, "purpose": "answer", "model": "m", "output": None, "accepted": accepted,
        "failed": [], "seconds": 0.5, "cost": 0.1, "calls": 1, "error": "",
        "usage": {"input_tokens": 10, "output_tokens": 2},
    }  # fmt: skip


def policy(summary: Summary, name: str, group: int = 0) -> PolicySummary:
    return next(one for one in summary["groups"][group]["policies"] if one["policy"] == name)


def three() -> list[Result]:
    """20 rows: the SLM is right on 12, the LLM on 16; tandem is right on 15, wrong on 1, serves 4
    not at all."""
    rows: list[Result] = []
    for number in range(20):
        rows.append(row(number, "slm_only", number < 12))
        rows.append(row(number, "llm_only", number >= 4))
        right = None if number >= 16 else number != 0
        rows.append(row(number, "tandem", right))
    return rows


def test_quality_counts_what_was_not_served_as_wrong() -> None:
    figures = policy(summarise("films", three(), SUITES), "tandem")
    assert figures["n"] == 20
    assert figures["quality"]["mean"] == 0.75
    assert figures["served"] == 0.8
    assert figures["served_precision"]["mean"] == pytest.approx(15 / 16)
    assert figures["statuses"] == {"accepted": 16, "needs_review": 4}


def test_the_oracle_is_the_cheapest_tier_that_was_right() -> None:
    summary = summarise("films", three(), SUITES)
    oracle = policy(summary, "oracle")
    assert oracle["quality"]["mean"] == 1.0
    assert oracle["cost"] == pytest.approx(12 * 0.1 + 8 * 1.0)
    without = summarise("films", [r for r in three() if r["policy"] != "llm_only"], SUITES)
    assert [one["policy"] for one in without["groups"][0]["policies"]] == ["slm_only", "tandem"]


def test_cost_is_compared_with_what_the_llm_really_cost() -> None:
    figures = policy(summarise("films", three(), SUITES), "tandem")
    assert (figures["all_llm_cost"], figures["all_llm_measured"]) == (20.0, True)
    assert figures["cost_ratio"] == pytest.approx(0.1)
    alone = summarise("films", [row(1, "tandem", True, all_llm_cost=0.4)], SUITES)
    assert policy(alone, "tandem")["all_llm_measured"] is False
    assert policy(alone, "tandem")["cost_ratio"] == pytest.approx(0.25)


def test_policies_are_compared_row_by_row() -> None:
    found = summarise("films", three(), SUITES)["groups"][0]["comparisons"]
    assert [(one["a"], one["b"], one["n"]) for one in found] == [
        ("tandem", "slm_only", 20),
        ("tandem", "llm_only", 20),
    ]
    assert found[0]["difference"]["mean"] == pytest.approx(0.15)
    assert found[0]["finding"] == "inside the noise"


def test_escalation_is_held_against_what_the_slm_had_right() -> None:
    rows = [
        row(
            1,
            "tandem",
            True,
            scores={"label_match": 1.0, "first_try": 0.0},
            route=[step("slm", False)],
        ),
        row(
            2,
            "tandem",
            True,
            scores={"label_match": 1.0, "first_try": 1.0},
            route=[step("slm", False)],
        ),
        row(3, "tandem", True, scores={"label_match": 1.0, "first_try": 0.0}),
        row(4, "tandem", True, scores={"label_match": 1.0, "first_try": 1.0}),
    ]
    assert policy(summarise("films", rows, SUITES), "tandem")["escalation"] == {
        "tried": 4,
        "wrong": 2,
        "rejected": 2,
        "precision": 0.5,
        "recall": 0.5,
    }


def test_errors_count_as_wrong_and_are_told() -> None:
    error = {"code": "deadline", "what": "", "remedy": ""}
    rows = [row(1, "tandem", None, status="failed", error=error), row(2, "tandem", True)]
    figures = policy(summarise("films", rows, SUITES), "tandem")
    assert (figures["errors"], figures["unfinished"]) == ({"deadline": 1}, 1)
    assert figures["quality"]["mean"] == 0.5


def test_a_mixture_has_a_group_a_suite_and_one_over_all() -> None:
    rows = [row(1, "tandem", True), row(1, "tandem", False, suite="songs")]
    summary = summarise("mix", rows, SUITES)
    assert [(one["suite"], one["n"]) for one in summary["groups"]] == [
        ("films", 1),
        ("songs", 1),
        ("all", 2),
    ]
    assert policy(summary, "tandem", 2)["quality"]["mean"] == 0.5
    assert policy(summary, "tandem")["scores"]["macro_f1"]["mean"] == 1.0


def test_a_summary_is_plain_json() -> None:
    summary = summarise("films", three(), SUITES, notices=["x"], settings={"a": 1})
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_quality_below_the_baselines_interval_falls(tmp_path: Path) -> None:
    summary, path = summarise("films", three(), SUITES), tmp_path / "baseline.json"
    gate.merge(path, summary)
    baseline = gate.read_baseline(path)
    assert not any(check.fell for check in gate.check(summary, baseline))
    worse = [row(number, "tandem", number < 8) for number in range(20)]
    assert [check.fell for check in gate.check(summarise("films", worse, SUITES), baseline)] == [
        True
    ]


@pytest.mark.parametrize(("name", "under"), [("songs", "tandem"), ("films", "random_mix:0.5")])
def test_a_run_that_the_baseline_does_not_know_is_refused(name: str, under: str) -> None:
    baseline = gate.baseline_of(summarise("films", three(), SUITES))
    other = summarise(name, [row(1, under, False, suite=name)], SUITES)
    with pytest.raises(InvalidRequest, match=f"nothing of {name}"):
        gate.check(other, baseline)


def test_a_baseline_keeps_its_other_suites(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    gate.merge(path, summarise("films", three(), SUITES))
    gate.merge(path, summarise("songs", [row(1, "tandem", True, suite="songs")], SUITES))
    assert set(gate.read_baseline(path)) == {"films", "songs"}


def test_a_mixture_is_held_against_its_own_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    gate.merge(path, summarise("films", [row(n, "tandem", True) for n in range(20)], SUITES))
    mixed = [row(n, "tandem", n < 5, suite=name) for name in ("films", "songs") for n in range(20)]
    with pytest.raises(InvalidRequest, match="nothing of mix"):
        gate.check(summarise("mix", mixed, SUITES), gate.read_baseline(path))
    gate.merge(path, summarise("mix", mixed, SUITES))
    assert set(gate.read_baseline(path)["mix"]) == {"films", "songs", "all"}
    assert gate.read_baseline(path)["films"]["films"]["tandem"]["mean"] == 1.0


def test_rows_that_were_not_run_fail_the_gate() -> None:
    mixed = [row(1, "tandem", True), row(1, "tandem", True, suite="songs")]
    baseline = gate.baseline_of(summarise("mix", mixed, SUITES))
    (films, *lost) = gate.check(summarise("mix", mixed[:1], SUITES), baseline)
    assert not films.fell
    assert {(one.suite, one.fell) for one in lost} == {("songs", True), ("all", True)}


def test_a_suite_is_the_same_by_name_and_by_file() -> None:
    rows = [row(1, "tandem", True)]
    by_file = summarise("own/films.toml", rows, SUITES)
    assert gate.baseline_of(by_file) == gate.baseline_of(summarise("films", rows, SUITES))


def test_the_committed_baseline_is_of_the_committed_gate() -> None:
    baseline = gate.read_baseline(SUITE_FILES.parent / "baseline.json")["gate"]
    loaded = load_cases("gate")
    counts = Counter(case["suite"] for case in loaded.cases)
    found = {name: policies["slm_only"]["n"] for name, policies in baseline.items()}
    assert found == {**counts, "all": counts.total()}


def test_a_summary_is_a_baseline_too(tmp_path: Path) -> None:
    summary, path = summarise("films", three(), SUITES), tmp_path / "summary.json"
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert gate.read_baseline(path) == gate.baseline_of(summary)


@pytest.mark.parametrize("text", ["", "[]", '{"films": {"tandem": 0.9}}', '{"groups": 3}'])
def test_what_is_no_baseline_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRequest, match="is no baseline"):
        gate.read_baseline(path)
