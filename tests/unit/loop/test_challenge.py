"""Champion and challenger: only what beats what is in force goes live, on rows nobody learnt."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from tandem.errors import InvalidRequest, ModelFileError, ModelUnavailable, SettingsError
from tandem.loop.challenge import Challenge, why_not
from tandem.loop.promoting import take_out_of_force
from tandem.loop.tune.learning import LearningSet, Privacy, learning_set
from tandem.models.adapters import AdapterCard, Adapters, slot_of
from tandem.models.files import sha256_of
from tandem.models.tier import CallContext, Completion, Prompt
from tandem.nodes.tuned import asked_labels
from tandem.records import Usage
from tandem.services import Services
from tandem.settings import Model
from tests.unit.fakes import FakeTierCall, completion
from tests.unit.services import FakeServices

BASE = "b" * 64
LABELS = ("down", "up")


def truth(text: str) -> str:
    return LABELS[int(text.rsplit(maxsplit=1)[-1]) % 2]


def often(text: str, share: float) -> str:
    """The right label of about `share` of all texts."""
    drawn = hashlib.sha256(text.encode()).digest()[0] / 255
    right = truth(text)
    return right if drawn < share else LABELS[1 - LABELS.index(right)]


class Answering(FakeTierCall):
    """Answers each prompt by a function of it."""

    answer: Callable[[Prompt], str]

    def complete(self, prompt: Prompt) -> Completion:
        self.done.append(completion(self.answer(prompt)))
        return self.done[-1]


class Tier:
    name, private = "slm", True

    def __init__(self, answer: Callable[[Prompt], str]) -> None:
        self.answer = answer

    def bind(self, context: CallContext) -> Answering:
        call = Answering()
        call.answer = self.answer
        return call

    def price(self, usage: Usage, seconds: float = 0.0) -> float:
        return 0.0


class Numbered(Embeddings):
    fingerprint = "numbered"

    def embed_query(self, text: str) -> list[float]:
        vector = np.random.default_rng(len(text)).normal(0, 1, 8)
        vector[LABELS.index(truth(text))] += 1
        return [float(one) for one in vector / np.linalg.norm(vector)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


class Servers:
    def __init__(self, base: str = BASE) -> None:
        self.base = base
        self.warmed: list[list[str]] = []
        self.retired: list[list[str]] = []

    def base_sum(self, model: str) -> str:
        return self.base

    def warm(self, model: str, held: list[AdapterCard]) -> None:
        self.warmed.append([card.name for card in held])

    def retire(self, model: str, held: list[AdapterCard]) -> None:
        self.retired.append([card.name for card in held])


class House:
    """Services whose SLM is right as often as told, with and without the adapter."""

    def __init__(
        self, folder: Path, plain: float, tuned: float, moved: bool = False, **settings: Any
    ) -> None:
        self.folder, self.settings = folder, settings
        self.store = Adapters(folder / "adapters")
        self.servers = Servers()
        self.plain, self.tuned, self.moved = plain, tuned, moved
        self.services = self.made(self.store, moved=False)
        path = folder / "rows.jsonl"
        rows = [{"text": f"gold on day {n}", "label": truth(str(n))} for n in range(500)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        privacy = Privacy(lambda _: "none", frozenset({"none"}), str)
        self.given: LearningSet = learning_set(path, (), privacy)

    def made(self, store: Adapters, moved: bool) -> Services:
        def answer(prompt: Prompt) -> str:
            text = str(prompt.messages[-1]["content"])
            if prompt.adapter:
                return often(text, self.tuned)
            said = often(text, self.plain)
            return LABELS[1 - LABELS.index(said)] if moved else said

        services = FakeServices(self.folder, **self.settings)
        held: dict[str, Any] = services.__dict__
        held |= {"adapters": store, "servers": self.servers, "embeddings": Numbered()}
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
            task="sentiment",
            slot=slot_of("sentiment", asked_labels(LABELS)),
            base="base",
            base_sha256=BASE,
            sha256=sha256_of(folder / "adapter.gguf"),
            made="2026-11-24",
            labels=LABELS,
            data=self.given.card,
        )
        self.store.write(replace(card, **changed))
        return replace(card, **changed)

    @property
    def challenge(self) -> Challenge:
        return Challenge(self.services, beside=lambda _, store: self.made(store, moved=self.moved))


def test_a_better_adapter_goes_live_and_the_old_server_is_retired(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    card = house.card()
    duel = house.challenge.duel(card, house.given)
    assert duel.won
    assert duel.challenger.right.n == len(house.given.held_out)
    assert duel.challenger.right.mean > 0.85 > duel.champion.right.mean
    assert duel.head.name == "head"
    house.challenge.promote(card, duel)
    assert list(house.store.in_force()) == [card.slot]
    assert house.store.get("first").quality["challenger"]["name"] == "first"
    assert (house.servers.warmed, house.servers.retired) == ([["first"]], [[]])
    second = house.card("second")
    house.tuned = 1.0
    better = replace(duel, champion=replace(duel.champion, name="first"))
    house.challenge.promote(second, better)
    assert house.servers.warmed[1:] == [["second"]]
    assert house.servers.retired[1:] == [["first"]]


def test_what_was_compared_with_something_else_does_not_go_live(tmp_path: Path) -> None:
    """Two are compared with the plain model; the better one goes live first."""
    house = House(tmp_path, plain=0.3, tuned=0.78)
    worse = house.card("worse")
    first = house.challenge.duel(worse, house.given)
    house.tuned = 0.95
    better = house.card("better")
    house.challenge.promote(better, house.challenge.duel(better, house.given))
    assert first.won
    with pytest.raises(InvalidRequest, match="changed since the comparison"):
        house.challenge.promote(worse, first)
    assert [card.name for card in house.store.in_force().values()] == ["better"]


def test_what_comes_into_force_during_the_comparison_is_noticed(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.3, tuned=0.95)
    card, other = house.card(), house.card("other")

    def between(what: str, done: int, of: int) -> None:
        if (what, done) == ("challenger", of):
            house.store.promote(other.name)

    challenge = replace(house.challenge, progress=between)
    with pytest.raises(InvalidRequest, match="changed since the comparison"):
        challenge.promote(card, challenge.duel(card, house.given))
    assert house.store.get("first").quality == {}
    assert house.servers.retired[-1] == house.servers.warmed[-1]


HOSTED: dict[str, Any] = {
    "models": {
        "slm-embedded": Model(
            backend="openai", url="http://h/v1", model="m", dialect="vllm", adapters=("first",)
        )
    }
}


def test_an_adapter_of_a_hosted_model_goes_live_and_back(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95, **HOSTED)
    card, unknown = house.card(), house.card("unknown")
    house.servers.base = ""
    duel = house.challenge.duel(card, house.given)
    house.challenge.promote(card, duel)
    assert list(house.store.in_force()) == [card.slot]
    assert take_out_of_force(house.services, "first") == ""
    assert house.store.in_force() == {}
    assert (house.servers.warmed, house.servers.retired) == ([], [])
    with pytest.raises(SettingsError, match="does not hold the adapter unknown"):
        house.challenge.duel(unknown, house.given)


def test_a_rollback_ends_the_server_that_held_it(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    house.card()
    house.store.promote("first")
    assert take_out_of_force(house.services, "first") == ""
    assert house.servers.warmed == [[]]
    assert house.servers.retired == [["first"]]
    with pytest.raises(InvalidRequest, match="not in force"):
        take_out_of_force(house.services, "first")


def test_what_a_rollback_leads_to_is_up_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    for name in ("first", "second"):
        house.card(name)
        house.store.promote(name)
    assert take_out_of_force(house.services, "second") == "first"
    assert house.servers.warmed == [["first"]]

    def down(model: str, held: list[AdapterCard]) -> None:
        raise ModelUnavailable("The server does not start.", "")

    monkeypatch.setattr(house.servers, "warm", down)
    assert take_out_of_force(house.services, "first") == ""
    assert house.store.in_force() == {}


def test_one_whose_folder_is_gone_is_taken_out_of_force_all_the_same(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    house.card()
    house.store.promote("first")
    shutil.rmtree(house.store.folder / "first")
    assert take_out_of_force(house.services, "first") == ""
    assert house.store.promoted() == {}


@pytest.mark.parametrize("tuned", [0.6, 0.3])
def test_one_that_is_not_better_changes_nothing_and_says_why(tmp_path: Path, tuned: float) -> None:
    house = House(tmp_path, plain=0.6, tuned=tuned)
    duel = house.challenge.duel(house.card(), house.given)
    assert not duel.won
    assert house.servers.retired == [["first"]]
    with pytest.raises(InvalidRequest, match="did not beat"):
        house.challenge.promote(house.card("again"), duel)
    assert house.store.in_force() == {}
    assert "inside the noise" in why_not(duel) or "worse" in why_not(duel)


def test_one_that_moves_other_answers_does_not_go_live(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95, moved=True)
    duel = house.challenge.duel(house.card(), house.given)
    assert duel.comparison.finding == "better"
    assert not duel.won
    assert "otherwise than before" in why_not(duel)


def test_rows_that_it_may_have_learnt_do_not_judge_it(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    other = house.card(data={**house.given.card, "train_sum": "other"})
    with pytest.raises(InvalidRequest, match="not the rows"):
        house.challenge.duel(other, house.given)


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    house.servers.base = "c" * 64
    with pytest.raises(SettingsError, match="another base model"):
        house.challenge.duel(house.card(), house.given)


def test_a_file_with_a_wrong_sum_is_refused(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)
    card = house.card()
    house.store.file(card).write_bytes(b"GGUF, changed")
    with pytest.raises(ModelFileError, match="sum is wrong"):
        house.challenge.duel(card, house.given)


def test_a_model_that_does_not_answer_decides_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, plain=0.6, tuned=0.95)

    def down(store: Adapters) -> Services:
        def answer(prompt: Prompt) -> str:
            raise ModelUnavailable("No model of the tier answered.")

        services = house.made(store, moved=False)
        tier: Any = Tier(answer)
        services.tier = lambda name, task="": tier  # type: ignore[method-assign]
        return services

    challenge = Challenge(house.services, beside=lambda _, store: down(store))
    with pytest.raises(ModelUnavailable):
        challenge.duel(house.card(), house.given)
    assert house.store.in_force() == {}
