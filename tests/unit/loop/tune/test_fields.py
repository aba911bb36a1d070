"""What an adapter for extraction learns from: written as serving has it written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tandem.errors import InvalidRequest
from tandem.loop.tune.fields import FieldSet, answer_of, field_set, schema_from
from tandem.loop.tune.learning import Privacy
from tandem.models.adapters import AdapterCard
from tandem.nodes.extract import Extract
from tandem.nodes.tuned import asked_schema
from tandem.records import Document, Sensitivity
from tests.unit.fakes import FakeTierCall

RECEIPT = schema_from("receipt")


def privacy(choice: Any = "leave_out") -> Privacy:
    def level(text: str) -> Sensitivity:
        return "personal" if "@" in text else "none"

    return Privacy(
        level, frozenset({"none"}), lambda text: text.replace("ann@shop.example", "[EMAIL]"), choice
    )


def row(number: int, **changed: Any) -> dict[str, Any]:
    text = (
        f"SHOP {number} LTD\n{number} HILL ROAD, OLD TOWN\nDATE 02/03/2016\nTOTAL $ 1,0{number}.50"
    )
    expected = {
        "company": f"SHOP {number} LTD",
        "address": f"{number} Hill Road Old Town",
        "date": "2016-03-02",
        "currency": "$",
        "total": f"10{number}.50",
    }
    return {"text": text, "expected": {**expected, **changed}}


def written(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def many(count: int, start: int = 10) -> list[dict[str, Any]]:
    return [row(number) for number in range(start, start + count)]


def made(folder: Path, rows: list[dict[str, Any]], choice: str = "leave_out") -> FieldSet:
    return field_set(written(folder, rows), RECEIPT, privacy(choice), within=1.0)


def test_rows_fall_alike_and_the_card_tells_of_them(tmp_path: Path) -> None:
    first, again = made(tmp_path, many(200)), made(tmp_path, many(200)[::-1])
    assert first.card["train_sum"] == again.card["train_sum"]
    assert (len(first.train), len(first.held_out)) == (150, 50)
    assert {one.text for one in first.train}.isdisjoint(one.text for one in first.held_out)
    assert first.card["by_field"] == dict.fromkeys(RECEIPT["properties"], 150)
    assert json.loads(json.dumps(first.card))["schema"] == RECEIPT
    assert "SHOP" not in json.dumps(first.card)


def test_it_learns_what_it_is_asked_and_what_it_may_write(tmp_path: Path) -> None:
    """The turns and the answer of a training row are those of serving, to the letter."""
    given = made(tmp_path, many(200))
    learnt = given.rows()[0]
    source = learnt.messages[-1]["content"]
    card = AdapterCard("a", "extraction", "", "", "", "1", "", data=given.card)
    task = Extract(
        read=no_document, adapter=lambda _, asked: card if asked == given.asked else None
    )
    ready = task.prepare({"text": source, "output_schema": "receipt"}, {})  # type: ignore[typeddict-item]
    tier = FakeTierCall([learnt.answer])
    attempt = task.attempt(ready, tier)
    (prompt,) = tier.prompts
    assert list(learnt.messages) == prompt.messages
    assert prompt.adapter == "a"
    assert prompt.schema is not None
    Draft202012Validator(dict(prompt.schema)).validate(json.loads(learnt.answer))
    assert task.check(ready, attempt) == []
    (same,) = [one for one in given.train if one.text == source]
    assert attempt["output"] == same.expected
    assert list(json.loads(learnt.answer)) == list(RECEIPT["properties"])


def no_document(_: Document) -> str:
    raise AssertionError


def test_values_are_copied_as_the_document_has_them(tmp_path: Path) -> None:
    given = made(tmp_path, many(200))
    answer = json.loads(answer_of(given.train[0], RECEIPT))
    assert answer["date"] == "02/03/2016"
    assert answer["currency"] == "$"
    assert answer["total"].startswith("1,0")
    assert given.train[0].expected["currency"] == "USD"


def test_what_the_gates_refuse_is_not_learnt_but_judged_by(tmp_path: Path) -> None:
    strange = [row(n, company="ELSEWHERE") for n in range(300, 400)]
    unfit = [row(n, date=None) for n in range(400, 450)]
    given = made(tmp_path, [*many(200), *strange, *unfit])
    assert all(one.expected["company"] != "ELSEWHERE" for one in given.train)
    assert any(one.expected["company"] == "ELSEWHERE" for one in given.held_out)
    held = len(given.held_out)
    assert given.card["not_in_text"] + given.card["unfit"] + len(given.train) + held == 350
    assert given.card["unfit"] > 0


def test_contradictions_repeats_and_leaks(tmp_path: Path) -> None:
    given = made(tmp_path, [*many(200), row(10), row(11, total=None)])
    assert (given.card["duplicates"], given.card["contradictory"]) == (1, 2)
    train, test = written(tmp_path, many(200)), written(tmp_path, many(60, 205), "test.jsonl")
    with pytest.raises(InvalidRequest, match="5 of the 60 test rows"):
        field_set(train, RECEIPT, privacy(), test)


@pytest.mark.parametrize(("choice", "kept"), [("leave_out", 0), ("mask", 1), ("keep", 2)])
def test_sensitive_rows_are_treated_as_asked(tmp_path: Path, choice: str, kept: int) -> None:
    """Masked, a row whose value is hidden in its text is left out."""
    rest = row(500)
    plain = {**rest, "text": f"{rest['text']}\nann@shop.example"}
    hidden = {**row(501, company="ann@shop.example LTD")}
    hidden["text"] = hidden["text"].replace("SHOP 501", "ann@shop.example")
    given = made(tmp_path, [*many(200), plain, hidden], choice)
    texts = [one.text for one in (*given.train, *given.held_out)]
    assert sum("ann@" in text or "[EMAIL]" in text for text in texts) == kept
    assert any("@" in text for text in texts) == (choice == "keep")


def test_twenty_rows_are_too_few_and_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"too few .*20 rows came"):
        made(tmp_path, many(20))


@pytest.mark.parametrize(
    "expected", [{"company": "A"}, {**row(1)["expected"], "tax": 1}, "A", None, []]
)
def test_a_row_that_tells_of_other_fields_is_named(tmp_path: Path, expected: Any) -> None:
    bad = {"text": "a receipt", "expected": expected}
    with pytest.raises(InvalidRequest, match=r"row 3: .*company, address") as caught:
        made(tmp_path, [*many(2), bad])
    assert "a receipt" not in str(caught.value)


def test_a_schema_is_a_ready_one_or_fields_or_an_object() -> None:
    assert list(schema_from("company, date,total")["properties"]) == ["company", "date", "total"]
    assert asked_schema(schema_from("receipt")) == asked_schema(dict(reversed(RECEIPT.items())))
    for wrong in ("recipt", "", {"type": "array", "items": {"type": "string"}}):
        with pytest.raises(InvalidRequest):
            schema_from(wrong)
