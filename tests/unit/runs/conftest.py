"""What makes the tests of runs quick, and is tested elsewhere."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are scanned in the thread that asks (some 20 threads a run fewer), and a run that
    another worker holds is given up at once."""

    def within(scan: Any, text: str, _seconds: float) -> Any:
        return scan(text)

    monkeypatch.setattr("tandem.privacy.checked._within", within)
    monkeypatch.setattr("tandem.ledger.holding.PATIENCE_S", 0.02)
