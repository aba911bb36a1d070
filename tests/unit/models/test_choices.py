from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest
from tandem.models.choices import choice_probabilities
from tandem.models.tier import Token


def token(text: str, **top: float) -> Token:
    """A token; `top` gives probabilities of alternatives (`_` stands for a leading space)."""
    logs = {key.replace("_", " "): math.log(value) for key, value in top.items()}
    return Token(text, logs.get(text, math.log(0.5)), logs)


def test_first_tokens_are_renormalised_among_those_that_continue_a_choice() -> None:
    answer = [token("positive", positive=0.3, negative=0.1, The=0.6)]
    found = choice_probabilities(answer, ["positive", "negative"])
    assert found == pytest.approx({"positive": 0.75, "negative": 0.25})


def test_choices_that_share_their_first_token_part_where_they_part() -> None:
    answer = [
        token("card", card=0.8, cash=0.2),
        token(" lost", _lost=0.6, _stolen=0.2, _x=0.2),
    ]
    found = choice_probabilities(answer, ["card lost", "card stolen", "cash"])
    assert found == pytest.approx({"card lost": 0.6, "card stolen": 0.2, "cash": 0.2})


def test_mass_off_the_path_is_shared_evenly() -> None:
    answer = [token("top", top=0.5, card=0.5)]
    found = choice_probabilities(answer, ["top up", "card lost", "card stolen"])
    assert found == pytest.approx({"top up": 0.5, "card lost": 0.25, "card stolen": 0.25})


def test_leading_space_and_case_count_for_the_same_choice() -> None:
    answer = [token("positive", positive=0.1, Positive=0.3, _Positive=0.2, negative=0.4)]
    assert choice_probabilities(answer, ["positive", "negative"])["positive"] == pytest.approx(0.6)


def test_case_counts_where_only_case_tells_choices_apart() -> None:
    answer = [token("US", US=0.7, us=0.3)]
    assert choice_probabilities(answer, ["US", "us"]) == pytest.approx({"US": 0.7, "us": 0.3})


def test_a_choice_that_begins_another_is_told_by_the_end_token() -> None:
    ended = Token("", math.log(0.8), {"": math.log(0.8), " lost": math.log(0.2)})
    found = choice_probabilities([token("card", card=1.0), ended], ["card", "card lost"])
    assert found == pytest.approx({"card": 0.8, "card lost": 0.2})


def test_an_end_that_is_not_reported_means_the_complete_choice() -> None:
    found = choice_probabilities([token("card", card=1.0)], ["card", "card lost"])
    assert found == {"card": 1.0, "card lost": 0.0}


@pytest.mark.parametrize("first", ["", "\n", "<|im_start|>", " "])
def test_what_comes_before_the_answer_is_skipped(first: str) -> None:
    answer = [Token(first, -0.1), token("no", no=0.9, yes=0.1)]
    assert choice_probabilities(answer, ["yes", "no"])["no"] == pytest.approx(0.9)


def test_a_token_may_run_past_the_end_of_a_choice() -> None:
    answer = [Token("yes.", math.log(0.6), {"yes.": math.log(0.6), "no": math.log(0.2)})]
    assert choice_probabilities(answer, ["yes", "no"])["yes"] == pytest.approx(0.75)


def test_without_tokens_every_choice_is_equally_probable() -> None:
    assert choice_probabilities([], ["a", "b"]) == {"a": 0.5, "b": 0.5}
    assert choice_probabilities([Token("else", -0.1)], ["a", "b"]) == {"a": 0.5, "b": 0.5}


def test_minus_infinity_everywhere_means_what_was_generated() -> None:
    lost = Token("a", -math.inf, {"a": -math.inf, "b": -math.inf})
    assert choice_probabilities([lost], ["a", "b"]) == {"a": 1.0, "b": 0.0}


def test_no_choices_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        choice_probabilities([], [])


LABELS = st.lists(st.text("ab C", min_size=1, max_size=6), min_size=1, max_size=6, unique=True)
LOGPROBS = st.floats(-30, 0)
TOKENS = st.lists(
    st.builds(
        Token,
        st.text("ab C.", max_size=3),
        LOGPROBS,
        st.dictionaries(st.text("ab C.", max_size=3), LOGPROBS, max_size=5),
    ),
    max_size=6,
)


@given(TOKENS, LABELS)
def test_whatever_comes_it_is_a_distribution(tokens: list[Token], labels: list[str]) -> None:
    found = choice_probabilities(tokens, labels)
    assert list(found) == labels
    assert sum(found.values()) == pytest.approx(1.0)
    assert all(0 <= value <= 1 for value in found.values())


@given(LABELS, st.data())
def test_a_choice_generated_with_certainty_is_certain(
    labels: list[str], data: st.DataObject
) -> None:
    folded = [label.casefold().strip() for label in labels]
    assume(all(folded) and len(set(folded)) == len(folded))
    label = data.draw(st.sampled_from(labels))
    cut = data.draw(st.integers(0, len(label)))
    pieces = [piece for piece in (label[:cut], label[cut:]) if piece]
    tokens = [Token(piece, 0.0, {piece: 0.0}) for piece in pieces]
    assert choice_probabilities(tokens, labels)[label] == pytest.approx(1.0)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_two_binary_steps_multiply(first: float, second: float) -> None:
    answer = [
        token("a", a=first, b=1 - first),
        token("x", x=second, y=1 - second),
    ]
    found = choice_probabilities(answer, ["ax", "ay", "b"])
    expected = {"ax": first * second, "ay": first * (1 - second), "b": 1 - first}
    assert found == pytest.approx(expected)
