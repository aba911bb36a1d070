"""`tandem tune` and `tandem adapters`: whatever is wrong with what they are given is told before
anything is trained or asked, and what is in force stays."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.models.adapters import AdapterCard, Adapters, slot_of
from tandem.models.files import sha256_of
from tests.unit.cli.shell import ERROR, INVALID, SECRET, Run, check

LABELS = ("up", "down")


def rows(folder: Path, given: Sequence[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def labelled(count: int) -> list[dict[str, Any]]:
    return [{"text": f"{SECRET} row {n}", "label": LABELS[n % 2]} for n in range(count)]


def documents(count: int) -> list[dict[str, Any]]:
    return [
        {"text": f"{SECRET} {n}\nTOTAL {n}.50", "expected": {"shop": SECRET, "total": f"{n}.50"}}
        for n in range(count)
    ]


@pytest.fixture
def no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)


FIELDS = ("--schema", "shop,total")


@pytest.mark.usefixtures("no_extra")
@pytest.mark.parametrize(
    ("task", "given", "words", "said"),
    [
        ("sentiment", labelled(20), (), ("too few", "20 rows came")),
        ("sentiment", labelled(300), ("--labels", "up,flat"), ("rows.jsonl:2", "--labels")),
        ("sentiment", labelled(300), FIELDS, ("--schema is for extraction",)),
        ("extraction", documents(300), (), ("--schema",)),
        ("extraction", documents(300), ("--schema", "recipt"), ("'recipt'", "receipt")),
        ("extraction", documents(300), ("--schema", "none.json"), ("none.json",)),
        ("extraction", documents(300), ("--schema", "shop,sum"), ("row 1", "shop, sum")),
        ("extraction", documents(20), FIELDS, ("too few", "20 rows came")),
        ("extraction", documents(300), (*FIELDS, "--labels", "a,b"), ("--labels",)),
        ("faq", labelled(300), (), ("'faq'", "extraction")),
        ("sentiment", labelled(300), ("--rate", "0"), ("--rate",)),
        ("sentiment", labelled(300), ("--sensitive", "maybe"), ("leave_out",)),
        ("sentiment", [], (), ("no rows",)),
    ],
)
def test_input_is_checked_before_the_extra_is_looked_for(
    run: Run,
    tmp_path: Path,
    task: str,
    given: list[dict[str, Any]],
    words: tuple[str, ...],
    said: tuple[str, ...],
) -> None:
    told = run("tune", task, "--data", rows(tmp_path, given), *words)
    check(told, INVALID, *said)
    assert not (tmp_path / ".tandem" / "adapters").exists()


@pytest.mark.usefixtures("no_extra")
@pytest.mark.parametrize(
    ("task", "given", "words"),
    [("sentiment", labelled(500), ()), ("extraction", documents(500), FIELDS)],
)
def test_good_input_without_the_extra(
    run: Run, tmp_path: Path, task: str, given: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    told = run("tune", task, "--data", rows(tmp_path, given), *words)
    check(told, ERROR, "gguf", "pip install 'tandem-lm[tune]'", "nothing was changed")
    assert "to judge by" in told.err


def test_the_docs_say_what_the_message_says() -> None:
    from tandem.loop.tune.base_model import EXTRA

    docs = (Path(__file__).parents[3] / "docs" / "tuning.md").read_text()
    for words in ("pip install 'tandem-lm[tune]'", ".venv/bin/pip install -e '.[tune]'"):
        assert words in EXTRA
        assert words in docs


def finished(folder: Path, name: str, **changed: Any) -> AdapterCard:
    store = Adapters(folder / ".tandem" / "adapters")
    (store.prepare(name) / "adapter.gguf").write_bytes(b"GGUF")
    card = AdapterCard(
        name=name,
        task="sentiment",
        slot=slot_of("sentiment", "x"),
        base="slm",
        base_sha256="b" * 64,
        sha256=sha256_of(store.folder / name / "adapter.gguf"),
        made="2026-11-24",
        labels=LABELS,
    )
    card = replace(card, **changed)
    store.write(card)
    return card


def in_force(folder: Path) -> list[str]:
    store = Adapters(folder / ".tandem" / "adapters")
    return [card.name for card in store.in_force().values()]


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"sha256": ""}, INVALID, ("no finished adapter 'new'", "old")),
        ({"sha256": "0" * 64}, ERROR, ("sum is wrong", "Nothing of it is used")),
        ({"base_sha256": "c" * 64}, ERROR, ("another base model", "nothing was changed")),
        ({}, INVALID, ("not the rows", "nothing was changed")),
    ],
    ids=["stopped half-way", "wrong sum", "another base", "other rows"],
)
def test_what_must_not_go_live_does_not(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    code: int,
    said: tuple[str, ...],
) -> None:
    monkeypatch.setattr("tandem.models.embedded.EmbeddedServers.base_sum", lambda *_: "b" * 64)
    finished(tmp_path, "old")
    Adapters(tmp_path / ".tandem" / "adapters").promote("old")
    finished(tmp_path, "new", **changed)
    told = run("adapters", "promote", "new", "--data", rows(tmp_path, labelled(300)))
    check(told, code, *said)
    assert in_force(tmp_path) == ["old"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_list_warns_where_what_is_in_force_cannot_be_read(
    run: Run, tmp_path: Path, form: list[str]
) -> None:
    finished(tmp_path, "old")
    (tmp_path / ".tandem/adapters/promoted.json").write_text("{")
    told = run("adapters", "list", *form)
    assert told.code == 0
    assert "old" in told.out
    assert "promoted.json cannot be read: it is damaged. No adapter is used." in told.err


def test_the_list_and_the_way_back(run: Run, tmp_path: Path) -> None:
    fields: dict[str, Any] = {"schema": {"properties": {"shop": {}, "total": {}}}}
    finished(tmp_path, "old")
    card = finished(
        tmp_path,
        "slips",
        task="extraction",
        slot=slot_of("extraction", "y"),
        labels=(),
        data=fields,
    )
    Adapters(tmp_path / ".tandem" / "adapters").promote(card.name)
    told = run("adapters", "list")
    assert "in force  slips  extraction, 2 fields, 2026-11-24" in told.out
    assert "          old  sentiment, 2 labels, 2026-11-24" in told.out
    told = run("adapters", "rollback", "slips")
    assert "the model as it is answers now" in told.out
    assert in_force(tmp_path) == []
