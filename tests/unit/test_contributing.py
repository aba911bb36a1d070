"""The examples of CONTRIBUTING.md run as they stand there."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from tandem.nodes.task import Task
from tandem.records import Profile, Verdict
from tandem.settings import Settings
from tandem.tools.base import call_tool
from tests.unit.fakes import FakeTierCall

GUIDE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
TASK, TOOL = (code for language, code in BLOCKS if language == "python")
(SETTINGS,) = (code for language, code in BLOCKS if language == "toml")


def run(code: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)
    return module.__dict__


@pytest.fixture
def headline(monkeypatch: pytest.MonkeyPatch) -> Task:
    return cast("Task", run(TASK, monkeypatch)["Headline"]())


def checked(headline: Task, reply: str) -> list[str]:
    prepared = headline.prepare({"text": "Gold rose for a third week."}, cast("Profile", {}))
    attempt = headline.attempt(prepared, FakeTierCall([reply]))
    return [failure["gate"] for failure in headline.check(prepared, attempt)]


def test_the_task_passes_a_good_headline(headline: Task) -> None:
    assert checked(headline, "Gold rises again") == []


@pytest.mark.parametrize(
    ("reply", "gate"),
    [
        ("", "not_empty"),
        ("word " * 11, "length"),
        ("I'm sorry, but I cannot help with that.", "not_refusal"),
    ],
)
def test_the_task_rejects_a_bad_one(headline: Task, reply: str, gate: str) -> None:
    assert checked(headline, reply) == [gate]


def test_the_task_repairs(headline: Task) -> None:
    prepared = headline.prepare({"text": "Gold rose."}, cast("Profile", {}))
    rejected = headline.attempt(prepared, FakeTierCall(["word " * 11]))

    repaired = headline.repair(
        prepared, rejected, cast("Verdict", {}), FakeTierCall(["Gold rises"], name="llm")
    )

    assert repaired["output"] == "Gold rises"


def test_the_tool_can_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = run(TOOL, monkeypatch)["fahrenheit_tool"]()

    assert call_tool(tool, {"celsius": 100}, seconds=5, chars=100) == 212


def test_the_model_is_valid_settings() -> None:
    assert Settings(**tomllib.loads(SETTINGS)).chain("slm") == ("mistral", "slm-embedded")
