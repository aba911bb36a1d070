from __future__ import annotations

from typing import Any

import pytest

from tandem.evals.evaluators import make, scores_of
from tandem.evals.evaluators.contracts import verdict_macro_f1
from tandem.evals.loading import load_cases

MEANT: dict[str, Any] = {
    "a": {"label": "entailment", "spans": [[10, 20]]},
    "b": {"label": "contradiction", "spans": [[30, 40]]},
    "c": {"label": "not_mentioned", "spans": []},
    "d": {"label": "entailment", "spans": [[50, 60]]},
}


def verdict(name: str, said: str, *places: tuple[int, int]) -> dict[str, Any]:
    evidence = [{"start": start, "end": end} for start, end in places]
    return {"id": name, "verdict": said, "evidence": evidence}


SAID = {
    "verdicts": [
        verdict("a", "entailment", (0, 11)),
        verdict("b", "entailment", (40, 50)),
        verdict("c", "not_mentioned"),
        verdict("d", "undecided", (55, 58)),
    ]
}


def scores(name: str, output: Any, expected: Any) -> dict[str, float | None]:
    outputs, references = {"output": output}, {"expected": expected}
    return scores_of(make(name, {})(outputs, references, {}))[0]


def test_an_undecided_verdict_is_not_right() -> None:
    found = scores("verdicts_right", SAID, MEANT)
    assert found["verdicts_right"] == 0.5
    assert found["decided"] == 0.75
    assert found["right_of_decided"] == pytest.approx(2 / 3)
    assert scores("verdicts_right", None, MEANT) == {"verdicts_right": 0.0}


def test_evidence_hits_where_it_touches_a_labelled_span() -> None:
    assert scores("span_hit", SAID, MEANT) == {"span_hit": pytest.approx(2 / 3)}
    assert scores("span_hit", SAID, {"c": MEANT["c"]}) == {"span_hit": None}


def test_macro_f1_is_over_all_hypotheses_of_all_contracts() -> None:
    other = {"verdicts": [verdict("b", "contradiction")]}
    found = verdict_macro_f1(
        [{"output": SAID}, {"output": other}, {"output": None}],
        [{"expected": MEANT}, {"expected": {"b": MEANT["b"]}}, {"expected": {"c": MEANT["c"]}}],
    )
    # entailment: 1 of 2 said, 2 meant; contradiction: 1 of 1 said, 2 meant; absent: 1 of 1, 2 meant
    assert found["score"] == pytest.approx((2 / 4 + 2 / 3 + 2 / 3) / 3)


def test_the_likeliest_type_of_any_clause_counts() -> None:
    types = [[], [{"type": "Fee", "probability": 0.6}], [{"type": "Law", "probability": 0.9}]]
    output = {"clauses": [{"types": each} for each in types]}
    assert scores("clause_type", output, ["Law"]) == {"clause_type": 1.0}
    assert scores("clause_type", output, ["Fee"]) == {"clause_type": 0.0}
    assert scores("clause_type", {"clauses": []}, ["Fee"]) == {"clause_type": 0.0}


def test_values_are_compared_by_meaning() -> None:
    output = {"values": [{"field": "notice_period", "value": "60 days"}]}
    meant = {"field": "notice_period", "value": "Sixty (60) days"}
    assert scores("value_exact", output, {**meant, "value": "60 Days"}) == {"value_exact": 1.0}
    assert scores("value_exact", output, {**meant, "value": "90 days"}) == {"value_exact": 0.0}
    assert scores("value_exact", {"values": []}, meant) == {"value_exact": 0.0}


@pytest.mark.parametrize(
    ("suite", "rows"), [("contracts", 12), ("contract_clauses", 96), ("contract_values", 90)]
)
def test_the_suites_have_their_rows(suite: str, rows: int) -> None:
    cases = load_cases(suite).cases
    assert len(cases) == rows
    assert {case["task"] for case in cases} == {"contract_review"}


def test_rows_of_other_tasks_are_left_out(tmp_path: Any) -> None:
    other = (
        '{"id": "x", "task": "clause_classification", "input": "A clause.", "expected": ["Law"]}'
    )
    mine = '{"id": "y", "task": "contract_review", "input": "A contract.", "expected": {}}'
    file = tmp_path / "contracts.jsonl"
    file.write_text(f"{other}\n{mine}\n")
    assert [case["id"] for case in load_cases("contracts", tmp_path).cases] == ["y"]
