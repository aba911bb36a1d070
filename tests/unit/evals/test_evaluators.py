"""Evaluators on right and wrong outputs, alone and as LangSmith calls them."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import SettingsError
from tandem.evals.evaluators import KNOWN, make, scores_of
from tandem.evals.evaluators.extraction import word_f1
from tandem.evals.evaluators.labels import macro_f1
from tandem.quality.same_value import same_value

EXPECTED: dict[str, Any] = {
    "label_match": "up",
    "number_match": "1,250",
    "fields_correct": {"total": "80.90", "date": "25/12/2018", "company": "A & B SDN. BHD."},
    "answer_right": {"source": "leave.md", "passage": "Full-time staff earn six hours of leave."},
    "abstention": {"source": "", "passage": ""},
    "text_properties": {
        "includes": ["Dear", ["5 June", "June 5"]],
        "excludes": ["{"],
        "max_words": 5,
    },
}
FOUND = {"found": True, "citations": [{"source": "handbook/leave.md"}]}
ABSENT: dict[str, Any] = {"found": False, "answer": None, "citations": []}


def score(name: str, output: Any, expected: Any = None, **options: Any) -> float | None:
    wanted = EXPECTED[name] if expected is None else expected
    said = make(name, options)(
        {"output": output}, {"expected": wanted}, {"request": {"text": "How much leave?"}}
    )
    return scores_of(said)[0][name]


@pytest.mark.parametrize(
    ("name", "output", "wanted"),
    [
        ("label_match", {"label": "up", "probabilities": {}}, 1),
        ("label_match", "up", 1),
        ("label_match", {"label": "down"}, 0),
        ("number_match", {"answer": "That makes 5 x 250 = $1250."}, 1),
        ("number_match", "1,250.00 euros", 1),
        ("number_match", "It is 1250, or 1251", 0),
        ("number_match", "It is -1250", 0),
        ("number_match", "no idea", 0),
        ("fields_correct", {"total": 80.9, "date": "2018-12-25", "company": "a&b sdn bhd"}, 1),
        (
            "fields_correct",
            {"total": 80.91, "date": "2018-12-25", "company": "A & B SDN BHD"},
            2 / 3,
        ),
        ("fields_correct", {"date": "2018-12-26"}, 0),
        ("answer_right", {**FOUND, "answer": "Full-time staff earn six hours."}, 1),
        ("answer_right", {**FOUND, "answer": "Elephants are grey."}, 0),
        ("answer_right", {**FOUND, "answer": "Staff earn six hours.", "citations": []}, 0),
        ("answer_right", ABSENT, 0),
        ("abstention", ABSENT, 1),
        ("abstention", {**FOUND, "answer": "Yes."}, 0),
        ("text_properties", {"text": "Dear Ann, on\njune 5."}, 1),
        ("text_properties", {"text": "Dear {name}, on 5 June it comes."}, 0.5),
        ("text_properties", {"reply": ""}, 0),
    ],
)
def test_scores(name: str, output: Any, wanted: float) -> None:
    assert score(name, output) == pytest.approx(wanted)


def test_an_unanswerable_question_is_right_only_unanswered() -> None:
    nothing = {"source": "", "passage": ""}
    assert score("answer_right", ABSENT, nothing) == 1
    assert score("answer_right", {**FOUND, "answer": "Yes."}, nothing) == 0


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_what_was_not_served_is_never_right(name: str) -> None:
    assert score(name, None) == 0


def test_each_field_has_a_score_of_its_own() -> None:
    said = make("field_scores", {"words": ["company"]})(
        {"output": {"total": "RM 80.90", "company": "A & B"}},
        {"expected": EXPECTED["fields_correct"]},
        {},
    )
    scores, _ = scores_of(said)
    assert scores["field:total"] == 1
    assert scores["field:date"] == scores["field:company"] == 0
    assert scores["f1:company"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("got", "wanted", "same"),
    [
        ("2018-11-18", "18-11-18", True),
        ("2018-04-03", "03/04/2018", True),
        ("2018-03-04", "03/04/2018", False),
        (30.9, "RM30.90", True),
        ("1.234,50", 1234.5, True),
        ("0042", "42", False),
        ("LOT 12, JALAN 5", "Lot 12 Jalan 5.", True),
        (None, "x", False),
        ("80.90", "8090", False),
    ],
)
def test_values_are_compared_by_what_they_mean(got: Any, wanted: Any, same: bool) -> None:
    assert same_value(got, wanted) is same


@given(st.text(), st.text())
def test_word_f1_is_symmetric_and_one_on_itself(left: str, right: str) -> None:
    assert word_f1(left, right) == word_f1(right, left)
    assert 0 <= word_f1(left, right) <= 1
    assert word_f1(left, left) == 1


@given(st.one_of(st.text(), st.integers(), st.floats(allow_nan=False), st.dates().map(str)))
def test_a_value_is_the_same_as_itself(value: Any) -> None:
    assert same_value(value, value)


def test_macro_f1_weighs_labels_alike() -> None:
    expected = ["a", "a", "a", "b"]
    outputs: list[dict[str, Any]] = [{"output": {"label": "a"}}] * 3 + [{"output": None}]
    said = macro_f1(outputs, [{"expected": label} for label in expected])
    assert said == {"key": "macro_f1", "score": 0.5}


def test_the_way_of_an_answer_is_scored() -> None:
    outputs = {"routed_task": "faq", "leaks": 1, "seconds": 2.5, "cost": 0.1, "output": "x"}

    def said(name: str, **inputs: Any) -> Any:
        return make(name, {})(outputs, {}, {"task": "faq", **inputs})["score"]

    assert said("route_correct") == 1
    assert said("route_correct", task="draft") == 0
    assert said("no_leak") is None
    assert said("no_leak", secrets=["s"]) == 0
    assert (said("seconds"), said("cost")) == (2.5, 0.1)


def test_an_unknown_evaluator_or_option_is_told() -> None:
    with pytest.raises(SettingsError, match="no evaluator 'nothing'"):
        make("nothing", {})
    with pytest.raises(SettingsError, match="label_match"):
        make("label_match", {"colour": 1})


def test_langsmith_accepts_every_evaluator() -> None:
    from langsmith.evaluation.evaluator import run_evaluator

    for name, factory in KNOWN.items():
        assert run_evaluator(cast(Any, factory())) is not None, name
