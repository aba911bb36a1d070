"""Rows, candidates and asking, with fake tiers behind the real guard."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandem.errors import InvalidRequest, ModelUnavailable
from tandem.graphs.tasks import Tasks
from tandem.loop.calibrate_signals import KnownRow
from tandem.loop.select.asking import Asking, Said, plain
from tandem.loop.select.candidates import Candidate, candidates, settings_for
from tandem.loop.select.choosing import Choice, Wanted, choose
from tandem.loop.select.rows import Rows, read_rows
from tandem.loop.select.telling import chart, picture, verdict
from tandem.loop.select.writing import refuse_to_replace, write
from tandem.settings import Model, Settings, load
from tests.unit.fakes import completion
from tests.unit.services import FakeServices

SMALL = Candidate("slm-embedded", "model", "slm-embedded")
LARGE = Candidate("llm-embedded", "model", "llm-embedded", "llm")


def task_of(services: FakeServices, name: str = "sentiment") -> Any:
    return plain(Tasks(services)[name])


def file(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def labelled(count: int) -> list[dict[str, Any]]:
    return [{"text": f"text {n}", "label": "up" if n % 2 else "down"} for n in range(count)]


def rows_of(texts: list[str], expected: list[str]) -> Rows:
    known = [
        KnownRow({"text": text, "task": "sentiment", "labels": ["up", "down"]}, label)
        for text, label in zip(texts, expected, strict=True)
    ]
    return Rows("sentiment", ("up", "down"), (), tuple(known))


def test_without_a_head_all_rows_judge(tmp_path: Path) -> None:
    path, task = file(tmp_path, labelled(40)), task_of(FakeServices(tmp_path))
    rows = read_rows(path, task, head=False)
    assert (len(rows.judge), rows.learn, rows.labels) == (40, (), ("down", "up"))


def test_what_a_head_learns_judges_nobody(tmp_path: Path) -> None:
    again = [{"text": "Text  1", "label": "down"}]
    path = file(tmp_path, [*labelled(80), *again])
    rows = read_rows(path, task_of(FakeServices(tmp_path)))
    learnt = {row.request["text"] for row in rows.learn}
    assert learnt.isdisjoint(row.request["text"] for row in rows.judge)
    assert (len(rows.learn) + len(rows.judge), rows.repeats) == (80, 1)
    assert len(rows.learn) > 20


@pytest.mark.parametrize(
    ("given", "labels", "words"),
    [
        (labelled(5), (), "5 different texts"),
        (labelled(30), ("up", "sideways"), "not one of --labels"),
        ([{"text": "x"}], (), "no `label`"),
        ([{"text": "same", "label": "up"}, {"text": "same", "label": "down"}] * 30, (), "1 diff"),
    ],
)
def test_rows_of_no_use(
    tmp_path: Path, given: list[dict[str, Any]], labels: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read_rows(file(tmp_path, given), task_of(FakeServices(tmp_path)), labels)


def test_a_task_whose_outputs_cannot_be_counted(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="right or wrong"):
        read_rows(file(tmp_path, labelled(40)), task_of(FakeServices(tmp_path), "draft"))


def test_all_that_could_answer_are_candidates(tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    found = candidates(services, task_of(services), [], ("up", "down"))
    assert [(one.name, one.tier) for one in found] == [
        ("slm-embedded", "slm"), ("llm-embedded", "llm"), ("head", "slm"),
    ]  # fmt: skip
    assert [one.name for one in candidates(services, task_of(services, "extraction"), [])] == [
        "slm-embedded", "llm-embedded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "labels", "words"),
    [
        (["nobody"], ("up", "down"), "'nobody' is no candidate"),
        (["head"], (), "no labels"),
        (["adapter"], ("up", "down"), "No adapter is in force"),
        (["head", "head"], ("up", "down"), "named twice"),
    ],
)
def test_strange_candidates(
    tmp_path: Path, names: list[str], labels: tuple[str, ...], words: str
) -> None:
    services = FakeServices(tmp_path)
    with pytest.raises(InvalidRequest, match=words):
        candidates(services, task_of(services), names, labels)


def test_a_candidate_answers_alone() -> None:
    other = Model(model="qwen2.5-coder-0.5b-instruct", private=True)
    settings = Settings(
        models={"other": other},
        tiers={"slm": {"model": "slm-embedded", "stand_ins": ["other"]}},
        tasks={"sentiment": {"slm": "other", "min_margin": 0.4}},
    )
    alone = settings_for(settings, SMALL, "sentiment")
    assert alone.chain("slm", "sentiment") == alone.chain("llm", "sentiment") == ("slm-embedded",)
    assert alone.tasks["sentiment"].min_margin == 0.4


def test_right_and_wrong_are_counted_with_cost_and_seconds(tmp_path: Path) -> None:
    rows = rows_of(["one", "two", "three"], ["up", "down", "up"])
    replies = [completion(word, cost=0.5, seconds=2.0) for word in ("up", "up", "up")]
    services = FakeServices(tmp_path)
    asking = Asking(services, lambda own: FakeServices(tmp_path, slm=replies), rows)
    said = asking(SMALL)
    assert said.right == [True, False, True]
    assert (said.cost, said.seconds, said.blocked) == ([0.5] * 3, [2.0] * 3, 0)


def test_a_public_candidate_never_sees_what_is_sensitive(tmp_path: Path) -> None:
    rows = rows_of(["fine", "My IBAN is DE89370400440532013000"], ["up", "up"])
    given: list[FakeServices] = []

    def services_of(_own: Settings) -> FakeServices:
        given.append(FakeServices(tmp_path, llm=["up", "up"]))
        return given[-1]

    said = Asking(FakeServices(tmp_path), services_of, rows)(LARGE)
    assert (said.right, said.blocked) == ([True, False], 1)
    sent = [turn["content"] for prompt in given[0].fakes["llm"].prompts for turn in prompt.messages]
    assert "fine" in sent
    assert not any("DE89" in text for text in sent)
    told = list(verdict(choose([said], Wanted(target=0.9)), rows))
    assert any("1 rows are too sensitive" in line for line in told)


def test_a_candidate_that_is_down_leaves_the_others(tmp_path: Path) -> None:
    rows = rows_of(["one"], ["up"])
    down = [ModelUnavailable("No model of the slm tier answered.", "Look.")]
    said = Asking(FakeServices(tmp_path), lambda _: FakeServices(tmp_path, slm=down), rows)(SMALL)
    assert "No model of the slm tier" in said.why_not
    assert "was not judged" in " ".join(verdict(choose([said], Wanted(target=0.9)), rows))


def test_a_head_may_become_better_with_more_rows(tmp_path: Path) -> None:
    rows = rows_of(["one"] * 100, ["up"] * 100)
    right = [True] * 41 + [False] * 59
    asked = [
        Said(candidate, right=right, cost=[1.0] * 100, seconds=[1.0] * 100)
        for candidate in (Candidate("head", "head", ""), SMALL)
    ]
    told = list(verdict(choose(asked, Wanted(target=0.9)), rows))
    assert (
        "head: its 41.0% do not reach it as it is; a head learns from rows, and more of them may "
        "make it better" in told
    )
    assert f"{SMALL.name}: its 41.0% do not reach it, so no number of rows would settle it" in told


class Embeddings:
    """Points that tell the labels apart."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.0] if "up" in text else [0.0, 1.0] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_a_head_learns_from_its_part(tmp_path: Path) -> None:
    services = FakeServices(tmp_path)
    services.__dict__["embeddings"] = Embeddings()
    given = [
        {"text": f"{'up' if n % 2 else 'down'} number {n}", "label": "up" if n % 2 else "down"}
        for n in range(80)
    ]
    rows = read_rows(file(tmp_path, given), task_of(services))
    said = Asking(services, lambda _: services, rows)(Candidate("head", "head"))
    assert said.why_not == ""
    assert np.mean(said.right) > 0.9
    assert set(said.cost) == {0.0}
    few = Rows("sentiment", rows.labels, rows.learn[:1], rows.judge)
    assert (
        "lack some" in Asking(services, lambda _: services, few)(Candidate("head", "head")).why_not
    )


def chosen(kind: str = "model", name: str = "mine") -> tuple[Choice, Rows]:
    said = Said(
        Candidate(name, kind, "" if kind == "head" else "mine", "slm"),  # type: ignore[arg-type]
        right=[True] * 100, cost=[0.001] * 100, seconds=[0.2] * 100,
    )  # fmt: skip
    return choose([said], Wanted(target=0.9)), rows_of(["x"], ["up"])


def own_settings(folder: Path) -> Settings:
    mine = Model(backend="openai", url="http://localhost:1/v1", model='od"d', private=True,
                 api_key_env="KEY", price={"per_million_input": 0.5}, path="file.gguf")  # fmt: skip
    return Settings(home=folder, models={"mine": mine}, currency="EUR")


def test_the_settings_that_are_written_are_settings(tmp_path: Path) -> None:
    choice, rows = chosen()
    path = tmp_path / "chosen.toml"
    write(path, choice, rows, own_settings(tmp_path))
    read = load(path)
    assert (read.tasks["sentiment"].slm, read.tasks["sentiment"].first_tier) == ("mine", "slm")
    assert (read.tasks["sentiment"].quality, read.currency) == (0.9, "EUR")
    assert read.models["mine"].model == 'od"d'
    assert read.models["mine"].path == str(tmp_path / "file.gguf")
    assert read.models["mine"].price.per_million_input == 0.5


def test_a_head_writes_no_model(tmp_path: Path) -> None:
    choice, rows = chosen("head", "head")
    path = tmp_path / "chosen.toml"
    write(path, choice, rows, own_settings(tmp_path))
    told = tomllib.loads(path.read_text())
    assert told["tasks"]["sentiment"] == {"quality": 0.9, "first_tier": "slm"}
    assert "models" not in told


def test_nothing_is_replaced_and_nothing_written_without_a_choice(tmp_path: Path) -> None:
    path = tmp_path / "there.toml"
    path.write_text("# mine")
    with pytest.raises(InvalidRequest, match="already"):
        refuse_to_replace(path, force=False)
    refuse_to_replace(path, force=True)
    none = choose([Said(SMALL, right=[False] * 30, cost=[1.0] * 30)], Wanted(target=0.9))
    with pytest.raises(InvalidRequest, match="No candidate can be promised"):
        write(path, none, rows_of(["x"], ["up"]), Settings())
    assert path.read_text() == "# mine"


def test_the_chart_and_the_picture_show_every_candidate(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    choice, _ = chosen()
    lines = chart(choice, "USD")
    assert "A mine (front)" in lines[-1]
    assert sum("A" in line for line in lines[1:-1]) == 1
    picture(choice, "USD", "sentiment", tmp_path / "front.png")
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


SCHEMA = {
    "type": "object",
    "properties": {"places": {"type": "number"}},
    "required": ["places"],
}


def test_an_extraction_is_right_by_its_fields(tmp_path: Path) -> None:
    given = [
        {"text": f"There are {n} places.", "output_schema": SCHEMA, "expected": {"places": n}}
        for n in range(20, 45)
    ]
    rows = read_rows(file(tmp_path, given), task_of(FakeServices(tmp_path), "extraction"))
    assert (rows.labels, rows.learn, len(rows.judge)) == ((), (), 25)
    replies = [json.dumps({"places": str(n if n != 30 else 99)}) for n in range(20, 45)]
    asking = Asking(FakeServices(tmp_path), lambda _: FakeServices(tmp_path, slm=replies), rows)
    said = asking(SMALL)
    assert [n for n, right in enumerate(said.right, start=20) if not right] == [30]
