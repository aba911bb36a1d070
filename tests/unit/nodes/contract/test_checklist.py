from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.errors import InvalidRequest, SettingsError
from tandem.nodes.contract.checklist import SHIPPED, chosen, items_of, load_checklist, questions

OWN = "The supplier pays a penalty for late delivery."


def test_seventeen_hypotheses_ship() -> None:
    items = load_checklist(SHIPPED)
    assert len(items) == 17
    assert items[0]["id"] == "nda-1"
    assert items[0]["name"]
    assert items[0]["hypothesis"].endswith(".")


@pytest.mark.parametrize(
    "raw",
    [
        [OWN],
        {"penalty": OWN},
        {"penalty": {"hypothesis": OWN}},
        {"penalty": {"short_description": "Penalty", "hypothesis": OWN}},
    ],
)
def test_every_shape_of_the_hint_is_read(tmp_path: Path, raw: Any) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps(raw))
    assert [item["hypothesis"] for item in load_checklist(file)] == [OWN]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ('"a"', "neither an object nor a list"),
        ("[]", "0 hypotheses"),
        ("[3]", "has no hypothesis"),
        ('{"a": {"question": "x"}}', "has no hypothesis"),
        ('{"a": {"hypothesis": "Yes.", "name": 3}}', "a name that is no text"),
        (json.dumps(["x" * 501]), "longer than 500"),
        (json.dumps(["x"] * 201), "201 hypotheses"),
    ],
)
def test_other_shapes_are_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "own.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as raised:
        load_checklist(file)
    assert "Write {" in raised.value.remedy


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_checklist(tmp_path / "none.json")


def test_labels_name_items_or_are_hypotheses() -> None:
    known = load_checklist(SHIPPED)
    items = chosen(["nda-11", "limited use", OWN], known)
    assert [item["id"] for item in items] == ["nda-11", "nda-4", "own-3"]
    assert chosen([], known) == []


@pytest.mark.parametrize("labels", [["  "], ["nda-11", "No reverse engineering"]])
def test_labels_that_cannot_be_checked_are_refused(labels: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        chosen(labels, load_checklist(SHIPPED))


def test_questions_beside_the_contract_join_the_checklist() -> None:
    found = questions("Please review it. May we use subcontractors? And is there\na penalty?")
    assert [item["hypothesis"] for item in found] == ["May we use subcontractors?", "a penalty?"]
    assert questions("Please review this.") == []


def test_no_two_items_have_one_id() -> None:
    (mine,) = items_of({"question-1": OWN})
    assert [each["id"] for each in questions("May we? And when?", {mine["id"]})] == [
        "question-2",
        "question-3",
    ]
    listed = items_of([OWN, "The buyer pays in advance."])
    ids = [each["id"] for each in chosen(["The buyer leaves.", "own-1"], listed)]
    assert ids == ["label-1", "own-1"]


def test_what_is_asked_in_a_long_text_is_found_in_one_pass() -> None:
    long = "word " * 20_000
    assert questions(long) == []
    found = questions(f"{long}.\nMay we hire?? Why not!\n  ? And when?")
    assert [each["hypothesis"] for each in found] == ["May we hire?", "And when?"]
