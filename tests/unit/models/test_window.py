from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import PromptTooLong
from tandem.models.tier import Prompt
from tandem.models.window import check_window, estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("the cat sat", 3),
        ("2024-11-24", 10),
        ("internationalisation", 4),
        ("a\n\nb", 3),
        ("日本語", 3),
        ("", 0),
    ],
)
def test_estimates(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(), st.text())
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert estimate_tokens(f"{one} {other}") == estimate_tokens(one) + estimate_tokens(other)


@pytest.mark.parametrize(("words", "fits"), [(300, True), (2000, False)])
def test_what_clearly_cannot_fit_is_refused(words: int, fits: bool) -> None:
    prompt = Prompt([{"role": "user", "content": "word " * words}], 100)
    if fits:
        check_window(prompt, 1024, "m")
        return
    with pytest.raises(PromptTooLong, match="1024 tokens of m"):
        check_window(prompt, 1024, "m")


def test_the_answers_allowance_counts() -> None:
    prompt = Prompt([{"role": "user", "content": "Hello"}], 2000)
    with pytest.raises(PromptTooLong):
        check_window(prompt, 1024, "m")


def test_offered_tools_count() -> None:
    prompt = Prompt([{"role": "user", "content": "Hello"}], 100)
    tool = {"name": "t", "description": "word " * 3000}
    with pytest.raises(PromptTooLong):
        check_window(prompt, 1024, "m", (tool,))
