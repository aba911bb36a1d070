from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.mcp.house import House

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)
