from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.unit.mcp.house import House

# Without the extra `mcp` there is nothing to test here.
collect_ignore_glob = [] if find_spec("mcp") else ["test_*.py"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)
