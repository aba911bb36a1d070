"""What `tandem ask` puts on stdout: what was accepted, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tandem.cli.requests import EXIT_BY_STATUS
from tests.unit.cli.shell import ERROR, INVALID, Run
from tests.unit.fakes import completion
from tests.unit.services import FakeServices, Reply

DRAFT = ("ask", "Write a note on Friday.", "--task", "draft")


def use(monkeypatch: pytest.MonkeyPatch, folder: Path, *replies: Reply) -> None:
    services = FakeServices(folder, slm=replies, llm=replies)
    monkeypatch.setattr("tandem.app.Services", lambda _settings: services)


def test_an_accepted_text(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, "Dear team, we meet on Friday.")
    told = run(*DRAFT)
    assert (told.code, told.out) == (0, "Dear team, we meet on Friday.\n")
    assert "accepted by slm" in told.err


def test_a_rejected_draft(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = completion("Dear team, we", finish="length")
    use(monkeypatch, tmp_path, cut, cut)
    told = run(*DRAFT)
    assert (told.code, told.out) == (4, "")
    assert "[failed: this draft was not accepted]\nDear team, we\n" in told.err


def test_the_help_tells_every_exit_code(run: Run) -> None:
    told = run("ask", "--help").out
    (codes,) = re.findall(r"Exit code: (.+?)\.\s*╭", " ".join(told.split()))
    found = {int(code) for code in re.findall(r"\b\d\b", codes)}
    assert found == {*EXIT_BY_STATUS.values(), INVALID, ERROR}
