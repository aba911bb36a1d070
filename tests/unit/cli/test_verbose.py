"""`tandem --verbose`: what its log shows."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.unit.cli.shell import Run

CARD = "4111 1111 1111 1111"


def test_a_traceback_is_masked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError(f"card {CARD}")

    monkeypatch.setattr("tandem.app.Tandem.run", fail)
    root = logging.getLogger()
    level = root.level
    monkeypatch.setattr(root, "handlers", [])  # pytest's own; a shell has none
    told = run("--verbose", "ask", "hello")
    root.setLevel(level)
    assert "Traceback" in told.err
    assert CARD not in told.err
