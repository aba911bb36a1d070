"""Long texts: what their evaluators say, and the one-shot baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.evals.evaluators import make
from tandem.evals.evaluators.base import scores_of
from tandem.evals.loading import load_cases
from tandem.evals.policies import ONE_SHOT, applies
from tandem.evals.targets import make_target
from tests.unit.evals.cases import case
from tests.unit.evals.fakes import RulePool, RuleTier, bench
from tests.unit.nodes.longform.texts import BRIEF, prose

EXPECTED = {"words": 100, "topics": [["rota"], ["shed", "tools"]]}
SOURCE = {"number": "1", "id": "a", "source": "a", "heading": "A"}


def scores(name: str, text: str | None, **output: Any) -> dict[str, float | None]:
    served = None if text is None else {"text": text, **output}
    said = make(name, {})({"output": served}, {"expected": EXPECTED}, {"request": {}})
    return scores_of(said)[0]


@pytest.mark.parametrize(
    ("words", "kept", "ratio"), [(100, 1, 1.0), (80, 1, 0.8), (70, 0, 0.7), (200, 0, 0.5)]
)
def test_the_length_is_kept_within_a_fifth(words: int, kept: float, ratio: float) -> None:
    text = f"{prose(words, 'a')}\n\n## Sources\n\n- [1] Not counted, `a`"
    assert scores("length_kept", text) == {"length_kept": kept, "length_ratio": ratio}


def test_repeats_cost() -> None:
    assert scores("no_repeats", prose(100, "a")) == {"no_repeats": 1.0}
    twice = scores("no_repeats", f"{prose(100, 'a')} {prose(100, 'a')}")["no_repeats"]
    assert twice == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ("text", "share"),
    [("So [1].", 1.0), ("So [1]. So [2].", 0.5), ("So [p9].", 0.0), ("So.", None)],
)
def test_citations_need_a_source(text: str, share: float | None) -> None:
    assert scores("citations_known", text, sources=[SOURCE]) == {"citations_known": share}


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The Rota. The shed.", 1.0),
        ("The rota. The tools", 2 / 3),
        ("Nothing of it.", 1 / 3),
    ],
)
def test_every_topic_must_be_there_and_the_end_whole(text: str, share: float) -> None:
    assert scores("sections_complete", text)["sections_complete"] == pytest.approx(share)


@pytest.mark.parametrize(
    "name", ["length_kept", "no_repeats", "citations_known", "sections_complete"]
)
def test_what_was_not_served_is_not_right(name: str) -> None:
    assert set(scores(name, None).values()) == {0.0}


def test_the_suite_asks_for_500_to_3000_words() -> None:
    loaded = load_cases("longform", None, None)
    words = sorted(one["expected"]["words"] for one in loaded.cases)
    assert (words[0], words[-1], len(words)) == (500, 3000, 10)


def test_one_shot_is_one_plain_prompt(tmp_path: Path) -> None:
    llm = RuleTier("llm", lambda _: f"# Club\n\n{prose(300, 'a')}\n\nSo it is [p7].")
    made = bench(tmp_path, RulePool(RuleTier("slm", lambda _: ""), llm))
    request = {"text": BRIEF, "task": "longform", "deadline_ms": 7_200_000}
    row = case(task="longform", suite="longform", request=request, expected=EXPECTED)
    try:
        result = make_target(ONE_SHOT, made, lambda _: True)(row)
    finally:
        made.close()
    assert llm.asked == 1
    assert result["policy"] == "llm_one_shot"
    assert result["output"]["text"].startswith("# Club")
    assert "citation" in result["route"][0]["failed"][0]


@pytest.mark.parametrize(
    ("task", "does"), [("longform", True), ("reasoning", True), ("faq", False)]
)
def test_one_shot_is_for_tasks_that_have_it(task: str, does: bool) -> None:
    assert applies(ONE_SHOT, case(task=task)) is does
