"""Each duel on the same rows is harder to win than the last, whatever became of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tandem.errors import InvalidRequest, ModelFileError
from tandem.loop.duels import Duels
from tandem.loop.promoting import note_duel
from tandem.models.adapters import AdapterCard, Adapters
from tandem.models.files import sha256_of
from tandem.models.training_lock import training_alone
from tests.unit.loop.test_challenge import House

ROWS = [f"row {number}" for number in range(60)]


def finished(store: Adapters, name: str) -> AdapterCard:
    folder = store.prepare(name)
    (folder / "adapter.gguf").write_bytes(name.encode())
    sum_ = sha256_of(folder / "adapter.gguf")
    card = AdapterCard(name, "sentiment", "sentiment:1", "base", "b" * 64, sum_, "2026-11-24")
    store.write(card)
    return card


def test_tries_count_over_removed_adapters_and_begin_anew_on_new_rows(tmp_path: Path) -> None:
    store = Adapters(tmp_path)
    cards = [finished(store, name) for name in ("one", "two", "three")]
    assert Duels(store).another(cards[0], ROWS).needed == pytest.approx(0.05)
    store.remove("one")
    second = Duels(store).another(cards[1], ROWS)
    assert (second.number, second.needed) == (2, pytest.approx(0.1 / 6))
    assert Duels(store).another(cards[1], ROWS) == second
    assert Duels(store).another(cards[2], [f"new {row}" for row in ROWS]).number == 1
    assert Duels(store).another(cards[2], ROWS).number == 3


def test_a_count_that_cannot_be_read_is_not_begun_anew(tmp_path: Path) -> None:
    store = Adapters(tmp_path)
    card = finished(store, "one")
    Duels(store).path.write_text("{")
    with pytest.raises(ModelFileError, match="damaged"):
        Duels(store).another(card, ROWS)
    assert Duels(store).path.read_text() == "{"


def test_what_would_win_alone_does_not_after_many_and_each_card_says_how(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.78)
    alone = house.challenge.duel(house.card(), house.given)
    assert alone.won
    texts = [row.text for row in house.given.held_out]
    for number in range(40):
        Duels(house.store).another(replace(house.card(f"lost-{number}"), sha256=f"{number}"), texts)
    late = house.challenge.duel(house.card("late"), house.given)
    assert not late.won
    assert late.which.number > 40
    noted = house.store.get("late").duels
    assert [one["try"] for one in noted] == [late.which.number]
    assert (noted[0]["won"], noted[0]["rows"]) == (False, len(texts))
    assert noted[0]["held_out_sum"] == house.given.card["held_out_sum"]


def test_a_promotion_keeps_duels_that_were_noted_meanwhile(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    card = house.card()
    duel = house.challenge.duel(card, house.given)
    note_duel(house.store, card, {"try": 7})
    house.challenge.promote(card, duel)
    assert [one["try"] for one in house.store.get("first").duels] == [1, 7]


def test_one_that_is_trained_is_not_removed(tmp_path: Path) -> None:
    store = Adapters(tmp_path)
    folder = store.prepare("half")
    with training_alone(folder), pytest.raises(InvalidRequest, match="is training half"):
        store.remove("half")
    assert folder.is_dir()
    store.remove("half")
    assert not folder.exists()
