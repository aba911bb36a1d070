"""What a replay calls exact is what then really comes of the new settings (bench/replay.py)."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[4] / "bench"


def test_exact_figures_are_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    bench = import_module("replay")
    budget = {"budgets": {"per_day": 0.003, "refresh_s": 0.0}}
    chosen = {name: bench.SCENARIOS[name] for name in ("accept more", "no escalation for b")}
    monkeypatch.setattr(bench, "SCENARIOS", {**chosen, "a budget": budget})
    found = bench.compared(3, 12, tmp_path, 0.5)
    sys.modules.pop("replay")
    for name, told in found.items():
        assert told["exact"], name
        assert told["equal"], name
        assert told["others_held"], name
    assert found["a budget"]["others"] > 0
