"""The benchmark of a change of adapters sees what it is there to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tandem.models.adapters import Adapters
from tandem.settings import AdapterSettings, Settings
from tests.unit.models.test_adapters import finished
from tests.unit.test_bench import load

swap_told: Any = load("swap_told")
Answer, Change, PLAIN = swap_told.Answer, swap_told.Change, swap_told.PLAIN
UP, DOWN, LEVEL = {"up": 0.9, "down": 0.1}, {"up": 0.1, "down": 0.9}, {"up": 0.5, "down": 0.5}
REFERENCES = {PLAIN: {"t": UP}, "a": {"t": DOWN}, "b": {"t": LEVEL}}
WAY = [Change(PLAIN), Change("a", 10, 11), Change("b", 20, 21), Change(PLAIN, 30, 31)]


@pytest.mark.parametrize(
    ("asked", "answered", "chances", "plain", "found"),
    [
        (1, 2, UP, False, swap_told.EXPECTED),
        (1, 2, DOWN, False, swap_told.WRONG_TIME),
        (9, 12, UP, False, swap_told.EXPECTED),
        (9, 12, DOWN, False, swap_told.EXPECTED),
        (12, 13, UP, False, swap_told.WRONG_TIME),
        (12, 22, LEVEL, False, swap_told.EXPECTED),
        (22, 23, DOWN, False, swap_told.WRONG_TIME),
        (32, 33, LEVEL, False, swap_told.WRONG_TIME),
        (32, 33, UP, False, swap_told.EXPECTED),
        (12, 13, UP, True, swap_told.EXPECTED),
        (12, 13, DOWN, True, swap_told.WRONG_TIME),
        (12, 13, {"up": 0.3, "down": 0.7}, False, swap_told.MIXTURE),
        (12, 13, {}, False, swap_told.MIXTURE),
    ],
)
def test_an_answer_must_be_of_one_that_was_in_force(
    asked: float, answered: float, chances: dict[str, float], plain: bool, found: str
) -> None:
    answer = Answer(asked, answered, "t", chances, plain)
    assert swap_told.judged(answer, WAY, REFERENCES) == found


def test_where_two_are_alike_it_is_said() -> None:
    alike = {**REFERENCES, "b": {"t": DOWN}}
    assert swap_told.judged(Answer(12, 13, "t", DOWN), WAY, alike) == swap_told.EITHER
    assert swap_told.judged(Answer(1, 2, "t", DOWN), WAY, alike) == swap_told.WRONG_TIME


def test_answers_are_counted_by_what_was_in_force() -> None:
    answers = [Answer(1, 2, "t", UP), Answer(9, 12, "t", DOWN), Answer(12, 13, "t", UP, True)]
    counts = swap_told.by_state(answers, WAY, REFERENCES)
    assert {name: sum(count.values()) for name, count in counts.items()} == {
        PLAIN: 1,
        f"{PLAIN} -> a": 1,
        "a plain request": 1,
    }


def test_only_texts_that_tell_them_apart_are_used() -> None:
    known = {
        PLAIN: {"same": UP, "some": UP, "best": UP, "not asked": UP},
        "a": {"same": UP, "some": DOWN, "best": DOWN},
        "b": {"same": DOWN, "some": DOWN, "best": LEVEL},
    }
    texts = swap_told.telling(known)
    assert texts == ["best", "some"]
    assert swap_told.pairs_told(known, texts) == {f"{PLAIN} -> a": 2, "a -> b": 1}


def test_it_works_on_copies_so_that_nothing_stays_in_force(tmp_path: Path) -> None:
    own, scratch = Adapters(tmp_path / "own"), tmp_path / "scratch"
    scratch.mkdir()
    card = finished(own, "first")
    settings = Settings(home=tmp_path, adapters=AdapterSettings(dir="own"))
    copied = load("swap").settings_of(settings, ["first"], scratch)
    copy = Adapters(copied.path(copied.adapters.dir))
    copy.promote("first")
    assert copy.in_force() == {card.slot: card}
    assert own.in_force() == {}
