"""The demo's data is what its sources and the inbox's format say it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tandem.records import TASKS, Request
from tandem.settings import load

DEMO = Path(__file__).parents[2] / "demo"
HANDBOOK = DEMO / "handbook"


def rows(name: str) -> list[dict[str, Any]]:
    lines = (DEMO / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


INBOX = {row["id"]: row for row in rows("inbox.jsonl")}
EXPECTED = {row["id"]: row["expected"] for row in rows("expected.jsonl")}


def test_ids_are_unique() -> None:
    assert len(INBOX) == len(rows("inbox.jsonl"))
    assert len(EXPECTED) == len(rows("expected.jsonl"))


@pytest.mark.parametrize("row", INBOX.values(), ids=INBOX)
def test_a_row_is_a_request_with_existing_files(row: dict[str, Any]) -> None:
    fields = set(row) - {"id", "files"}

    assert "text" in fields
    assert fields <= set(Request.__annotations__)
    assert row.get("task", TASKS[0]) in TASKS
    assert all((DEMO / name).is_file() for name in row.get("files", []))


def test_the_inbox_is_mixed() -> None:
    tasks = [row.get("task") for row in INBOX.values()]

    assert set(tasks) >= {
        None,
        "extraction",
        "faq",
        "sentiment",
        "document_classification",
        "draft",
        "support_reply",
        "reasoning",
        "agent",
    }


@pytest.mark.parametrize("row_id", EXPECTED)
def test_what_is_expected_can_be_reached(row_id: str) -> None:
    expected, row = EXPECTED[row_id], INBOX[row_id]

    if "labels" in row:
        assert expected in row["labels"]
    if isinstance(expected, dict) and (page := expected.get("source")):
        text = (HANDBOOK / page).read_text(encoding="utf-8")
        assert all(words in text for words in expected.get("contains", []))


def test_every_committed_invoice_is_used() -> None:
    used = {name for row in INBOX.values() for name in row.get("files", [])}

    assert used == {f"invoices/{path.name}" for path in (DEMO / "invoices").iterdir()}


def test_the_settings_name_the_handbook_and_nothing_else_is_in_it() -> None:
    settings = load(DEMO / "tandem.toml")

    assert settings.path(settings.knowledge.folder) == HANDBOOK
    assert {path.suffix for path in HANDBOOK.iterdir()} == {".md"}


def test_personal_data_may_not_reach_the_llm() -> None:
    settings = load(DEMO / "tandem.toml")

    assert not settings.models[settings.tiers.llm.model].private
    assert "personal" not in settings.privacy.public_may_see
