from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import ModelFileError, SettingsError
from tandem.records import TASKS
from tandem.routing.head import OTHER, SHIPPED, HeadReading, TaskHead, load_head
from tandem.routing.head_reader import HeadReader
from tests.unit.knowledge.makers import WordEmbeddings
from tests.unit.routing.makers import FINGERPRINT, embed, labelled, trained


class Embeddings(WordEmbeddings):
    fingerprint = FINGERPRINT


@cache
def head() -> TaskHead:
    return trained(outcomes=labelled(each=40, slm_failed=True)).head


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "head.json"
    path.write_text(head().to_json(), encoding="utf-8")
    return path


def test_it_tells_tasks_apart() -> None:
    task, confidence = head().read({"text": "parcel number 99"}, embed("parcel number 99")).best()
    assert task == "support_reply"
    assert confidence > 0.5


def test_it_comes_back_from_its_file_as_it_was(file: Path) -> None:
    text = "holiday number 3 or a parcel"
    before = head().read({"text": text}, embed(text)).probabilities
    after = load_head(file).read({"text": text}, embed(text)).probabilities
    assert after == pytest.approx(before, abs=0.01)
    assert sum(after.values()) == pytest.approx(1)
    request: Any = {"text": text}
    own, read = head().complexity, load_head(file).complexity
    assert own is not None
    assert read is not None
    assert read.of(request, "faq") == pytest.approx(own.of(request, "faq"), abs=0.01)


def test_the_best_among_some_is_weighed_against_them_alone() -> None:
    reading = HeadReading({"faq": 0.5, "sentiment": 0.3, "draft": 0.2})
    assert reading.best() == ("faq", 0.5)
    assert reading.best(["sentiment", "draft"]) == ("sentiment", pytest.approx(0.6))
    assert reading.best(["research"]) == ("research", 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"counts": ["others"]},
        {"buckets": 7},
        {"temperature": 0},
        {"temperature": "nan"},
        {"classes": ["one"]},
        {"classes": []},
        {"layer": {}},
        {"layer": []},
        {"complexity": {"tasks": {"faq": 0.1}, "weights": [1.0]}},
        {"complexity": []},
        {"card": 3},
    ],
)
def test_a_file_that_is_no_head_is_refused(file: Path, change: dict[str, Any]) -> None:
    raw = json.loads(file.read_text()) | change
    file.write_text(json.dumps(raw))
    with pytest.raises(SettingsError, match="no routing head of this version"):
        load_head(file)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}'])
def test_so_is_any_other_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "head.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"tandem routing train"):
        load_head(path)


def test_a_head_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_head(tmp_path / "none.json")


def test_the_reader_reads(file: Path) -> None:
    reader = HeadReader(file, Embeddings)
    reading = reader.read({"text": "solve number 5"})
    assert reading is not None
    assert reading.best()[0] == "reasoning"
    assert reader.why_not == ""


def test_a_head_of_another_embedding_model_does_not_read(file: Path) -> None:
    reader = HeadReader(file, WordEmbeddings)
    assert reader.read({"text": "solve number 5"}) is None
    assert "was trained on the embedding model words" in reader.why_not
    assert reader.complexity({"text": "solve number 5"}, "reasoning") is not None


def test_without_its_embedding_model_it_does_not_read_and_asks_once(file: Path) -> None:
    asked: list[int] = []

    def embeddings() -> Any:
        asked.append(1)
        raise ModelFileError("There is no model.", "Fetch it.")

    reader = HeadReader(file, embeddings)
    assert reader.read({"text": "a"}) is None
    assert reader.read({"text": "b"}) is None
    assert (reader.why_not, len(asked)) == ("There is no model.", 1)


def test_no_head_opens_nothing() -> None:
    reader = HeadReader(None, lambda: pytest.fail("opened"))
    assert reader.read({"text": "a"}) is None
    assert reader.complexity({"text": "a"}, "faq") is None
    assert reader.why_not == "no routing head is set"


def test_complexity_grows_with_what_the_slm_failed_at() -> None:
    complexity = head().complexity
    assert complexity is not None
    short = complexity.of({"text": "solve number 1"}, "reasoning")
    long = complexity.of({"text": "solve number 1" + " more" * 39}, "reasoning")
    assert short is not None
    assert long is not None
    assert 0 < short < long < 1
    assert complexity.of({"text": "solve"}, "research") is None


def test_the_shipped_head_knows_all_tasks_and_says_what_it_is() -> None:
    shipped = load_head(SHIPPED)
    assert set(shipped.classes) == {*TASKS, OTHER}
    assert {"data", "licence", "trained", "figures", "rows", "complexity"} <= shipped.card.keys()
    assert shipped.fingerprint.startswith("onnx:all-minilm-l6-v2")
    assert SHIPPED.stat().st_size < 500_000
