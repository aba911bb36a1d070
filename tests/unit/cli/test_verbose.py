"""`tandem --verbose`: what its log shows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.shell import Run

CARD = "4111 1111 1111 1111"


OWN = """
[[privacy.terms]]
type = "PROJECT"
sensitivity = "secret"
words = ["Blue Heron"]
"""


def test_a_traceback_is_masked(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError(f"card {CARD} of Blue Heron")

    (tmp_path / "tandem.toml").write_text(OWN)  # the folder that the command runs in

    monkeypatch.setattr("tandem.app.Tandem.run", fail)
    root = logging.getLogger()
    level = root.level
    monkeypatch.setattr(root, "handlers", [])  # pytest's own; a shell has none
    told = run("--verbose", "ask", "hello")
    root.setLevel(level)
    assert "Traceback" in told.err
    assert CARD not in told.err
    assert "of [PROJECT]" in told.err
