"""Gates and signals of label tasks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.models.tier import Token
from tandem.quality.labels import enough_margin, label_in_set, label_signals, margin
from tandem.quality.signals import token_signals

shares = st.floats(min_value=0, max_value=1)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ({}, 0.0),
        ({"a": 0.7}, 0.7),
        ({"a": 0.2, "b": 0.7, "c": 0.1}, 0.5),
        ({"a": 0.5, "b": 0.5}, 0),
    ],
)
def test_margin_is_the_lead_over_the_second(
    probabilities: dict[str, float], expected: float
) -> None:
    assert margin(probabilities) == pytest.approx(expected)


@given(st.dictionaries(st.text(), shares, max_size=6))
def test_margin_lies_between_nothing_and_the_best(probabilities: dict[str, float]) -> None:
    assert 0 <= margin(probabilities) <= max(probabilities.values(), default=0)


def test_nothing_known_gives_no_signals() -> None:
    assert label_signals({}) == {}
    assert label_signals({"a": 0.75, "b": 0.25}) == {"label_probability": 0.75, "margin": 0.5}


@pytest.mark.parametrize("label", ["c", "A", " a", None, 1, ["a"]])
def test_a_foreign_label_fails(label: object) -> None:
    assert [failure["gate"] for failure in label_in_set(label, ["a", "b"])] == ["label_in_set"]


def test_a_label_of_the_set_passes() -> None:
    assert label_in_set("a", ["a", "b"]) == []


@pytest.mark.parametrize(
    ("signals", "minimum", "passes"),
    [({"margin": 0.5}, 0.5, True), ({"margin": 0.49}, 0.5, False), ({}, 0.1, False), ({}, 0, True)],
)
def test_the_margin_must_be_known_and_enough(
    signals: dict[str, float], minimum: float, passes: bool
) -> None:
    assert (enough_margin(signals, minimum) == []) is passes


def test_token_signals_leave_the_end_mark_out() -> None:
    logprobs = (-0.1, -0.3, -2.0, -0.2, -0.4)
    tokens = [*(Token("x", logprob) for logprob in logprobs), Token("", -9.0)]
    assert token_signals(tokens) == pytest.approx(
        {"mean_logprob": -0.6, "min_logprob": -2.0, "p10_logprob": -1.36}
    )


def test_no_tokens_give_no_signals() -> None:
    assert token_signals([Token("", -1.0)]) == {}


@given(st.lists(st.floats(min_value=-50, max_value=0), min_size=1, max_size=30))
def test_token_signals_are_ordered(logprobs: list[float]) -> None:
    found = token_signals([Token("x", logprob) for logprob in logprobs])
    assert min(logprobs) == found["min_logprob"] <= found["p10_logprob"] + 1e-9
    assert found["p10_logprob"] <= max(logprobs)
    assert found["min_logprob"] - 1e-9 <= found["mean_logprob"] <= max(logprobs) + 1e-9
