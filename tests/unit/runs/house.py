"""A Tandem whose agent has one tool with a side effect, and fake models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from tandem.app import Tandem
from tandem.tools.base import Tool, parameters
from tests.unit.services import FakeServices

ANSWER = json.dumps({"text": "It was noted.", "citations": []})
NOTE = {"tool": "note", "arguments": {"line": "first"}}
REQUEST = "Note the line 'first', then the line 'second'."


def plan(*steps: dict[str, Any]) -> str:
    return json.dumps({f"s{number}": step for number, step in enumerate(steps, start=1)})


def note_tool(file: Path, fail: Exception | None = None) -> Tool:
    """Appends a line to `file`: what happened can be counted."""

    def run(arguments: Any) -> Any:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(arguments["line"] + "\n")
        if fail:
            raise fail
        return {"noted": arguments["line"]}

    return Tool("note", "notes a line", parameters({"line": {"type": "string"}}), run, True)


class House:
    """One folder, in which any number of Tandems take turns, as processes would."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder, self.settings = folder, settings
        self.file = folder / "notes.txt"
        self.tool = note_tool(self.file)
        self.replies: tuple[str, ...] = ()
        """For whoever makes Tandems without saying what their LLM answers."""

    def tandem(self, *llm: str, slm: Sequence[str] = (), **more: Any) -> Tandem:
        """A Tandem on this folder; `llm` and `slm` are what its models answer, in order."""
        services = FakeServices(self.folder, llm=llm, slm=slm, **self.settings)
        with mock.patch("tandem.app.Services", return_value=services):
            return Tandem(services.settings, tools=[self.tool], **more)

    @property
    def noted(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []
