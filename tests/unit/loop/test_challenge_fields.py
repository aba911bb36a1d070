"""Champion and challenger of an extraction: better as a whole, and no field worse."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest, ModelFileError, SettingsError
from tandem.loop.challenge_fields import FieldChallenge, FieldDuel
from tandem.loop.tune.fields import TASK, FieldSet, field_set, schema_from
from tandem.loop.tune.learning import Privacy
from tandem.models.adapters import AdapterCard, Adapters, slot_of
from tandem.models.files import sha256_of
from tandem.models.tier import Prompt
from tandem.services import Services
from tests.unit.loop.test_challenge import BASE, Servers, Tier
from tests.unit.services import FakeServices

SCHEMA = schema_from("shop,town,note")
PLAIN = {"shop": 0.5, "town": 0.9, "note": 1.0}


def right(text: str) -> dict[str, Any]:
    shop, town = text.splitlines()
    return {"shop": shop, "town": town, "note": None}


def said(text: str, shares: dict[str, float]) -> str:
    """Of each field, the right value in about its share of all texts, else the text's last word."""
    answer = right(text)
    for name, share in shares.items():
        drawn = hashlib.sha256(f"{name}{text}".encode()).digest()[0] / 255
        answer[name] = answer[name] if drawn < share else text.rsplit(maxsplit=1)[-1]
    return json.dumps(answer)


class House:
    """Services whose SLM is right at each field as often as told."""

    def __init__(self, folder: Path, tuned: dict[str, float], moved: bool = False) -> None:
        self.folder, self.tuned, self.moved = folder, tuned, moved
        self.store, self.servers = Adapters(folder / "adapters"), Servers()
        self.asked: list[Prompt] = []
        self.services = self.made(self.store, moved=False)
        path = folder / "rows.jsonl"
        texts = [f"SHOP NUMBER {n}\nTOWN OF {n} HILLS" for n in range(300)]
        rows = [{"text": text, "expected": right(text)} for text in texts]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        privacy = Privacy(lambda _: "none", frozenset({"none"}), str)
        self.given: FieldSet = field_set(path, SCHEMA, privacy, within=1.0)

    def made(self, store: Adapters, moved: bool) -> Services:
        def answer(prompt: Prompt) -> str:
            self.asked.append(prompt)
            text = str(prompt.messages[-1]["content"])
            if prompt.adapter:
                return said(text, self.tuned)
            return said(text, dict.fromkeys(PLAIN, 0.0) if moved else PLAIN)

        services = FakeServices(self.folder)
        services.__dict__.update(adapters=store, servers=self.servers)
        tier: Any = Tier(answer)
        services.tier = lambda name, task="": tier  # type: ignore[method-assign]
        services.adapter = (  # type: ignore[method-assign]
            lambda task, asked: store.in_force().get(slot_of(task, asked))
        )
        return services

    def card(self, name: str = "first", **changed: Any) -> AdapterCard:
        folder = self.store.prepare(name)
        (folder / "adapter.gguf").write_bytes(b"GGUF")
        card = AdapterCard(
            name=name,
            task=TASK,
            slot=slot_of(TASK, self.given.asked),
            base="base",
            base_sha256=BASE,
            sha256=sha256_of(folder / "adapter.gguf"),
            made="2026-11-24",
            data=self.given.card,
        )
        self.store.write(replace(card, **changed))
        return self.store.get(name)

    @property
    def challenge(self) -> FieldChallenge:
        return FieldChallenge(
            self.services, beside=lambda _, store: self.made(store, moved=self.moved)
        )


BETTER = {"shop": 0.97, "town": 0.9, "note": 1.0}


def test_a_better_adapter_goes_live_with_a_table_by_field_and_back(tmp_path: Path) -> None:
    house = House(tmp_path, BETTER)
    card = house.card()
    duel = house.challenge.duel(card, house.given)
    assert duel.won
    assert duel.challenger.right.n == len(house.given.held_out) == 60
    assert duel.fields["shop"].comparison.finding == "better"
    assert duel.fields["note"].challenger.mean == 1.0
    house.challenge.promote(card, duel)
    assert house.services.adapter(TASK, house.given.asked) == house.store.get("first")
    assert house.store.get("first").quality["fields"]["shop"]["comparison"]
    assert house.servers.retired == [[]]
    house.store.rollback("first")
    assert house.services.adapter(TASK, house.given.asked) is None


def test_both_are_asked_as_served(tmp_path: Path) -> None:
    house = House(tmp_path, BETTER)
    house.challenge.duel(house.card(), house.given)
    tuned = [prompt for prompt in house.asked if prompt.adapter]
    assert len(tuned) == 60
    assert all(prompt.schema for prompt in house.asked)
    probes = 10
    assert len(house.asked) - len(tuned) == 60 + probes


@pytest.mark.parametrize("field", ["town", "note"])
def test_one_field_that_got_worse_is_enough_to_refuse(tmp_path: Path, field: str) -> None:
    """A field that documents lack counts as well: a value made up is wrong."""
    house = House(tmp_path, {"shop": 1.0, "town": 1.0, "note": 1.0, field: 0.6})
    card = house.card()
    duel = house.challenge.duel(card, house.given)
    assert duel.comparison.finding != "worse"
    assert duel.worse == [field]
    assert not duel.won
    assert duel.why_not == f"It got worse at {field}."
    with pytest.raises(InvalidRequest, match="did not beat"):
        house.challenge.promote(card, duel)
    assert house.store.in_force() == {}


def test_one_that_is_no_better_says_so(tmp_path: Path) -> None:
    duel = (house := House(tmp_path, PLAIN)).challenge.duel(house.card(), house.given)
    assert not duel.won
    assert "inside the noise" in duel.why_not


def test_one_that_moves_other_answers_does_not_go_live(tmp_path: Path) -> None:
    house = House(tmp_path, BETTER, moved=True)
    duel: FieldDuel = house.challenge.duel(house.card(), house.given)
    assert duel.comparison.finding == "better"
    assert not duel.won
    assert "otherwise than before" in duel.why_not


def test_it_is_compared_with_the_adapter_in_force(tmp_path: Path) -> None:
    house = House(tmp_path, BETTER)
    house.store.promote(house.card("old").name)
    duel = house.challenge.duel(house.card("new"), house.given)
    assert duel.champion.name == "old"
    assert duel.others_unmoved
    assert not duel.won


def test_strange_adapters_are_refused(tmp_path: Path) -> None:
    house = House(tmp_path, BETTER)
    other = house.card(data={**house.given.card, "held_out_sum": "other"})
    with pytest.raises(InvalidRequest, match="not the rows"):
        house.challenge.duel(other, house.given)
    with pytest.raises(SettingsError, match="another base model"):
        house.challenge.duel(house.card("second", base_sha256="c" * 64), house.given)
    third = house.card("third")
    house.store.file(third).write_bytes(b"GGUF, changed")
    with pytest.raises(ModelFileError, match="sum is wrong"):
        house.challenge.duel(third, house.given)
    assert house.asked == []
