"""What `tandem run` shows at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem.cli.live import LiveTable
from tandem.settings import LedgerSettings, Settings


def test_the_ledgers_password_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://anna:hunter2@db.example/tandem"
    settings = Settings(ledger=LedgerSettings(url=url))
    LiveTable(settings, total=0, kept=0, live=False).totals(Path("out.jsonl"))
    shown = capsys.readouterr().out
    assert "db.example" in shown
    assert "hunter2" not in shown
