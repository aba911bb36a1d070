"""The calibrations that ship: they can be read, say of what they were made, and keep off the
evaluations' rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tandem.quality.calibration.calibration import LabelCalibration, name_of
from tandem.quality.calibration.store import SHIPPED

FILES = sorted(SHIPPED.glob("*.json"))
DATASETS = Path(__file__).parents[4] / "evals" / "datasets"


def test_some_ship() -> None:
    assert len(FILES) == 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_calibration_is_whole_and_names_its_data(path: Path) -> None:
    made = LabelCalibration.from_json(path.read_text(encoding="utf-8"))
    assert path.stem == name_of(made.task, made.labels)
    assert made.head is not None
    assert made.promise(0.9, ("head",)) is not None
    assert made.card["data"]
    assert made.card["scores"]["head"]
    assert path.stat().st_size < 600_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_example_is_a_row_of_the_evaluations(path: Path) -> None:
    told = json.loads(path.read_text(encoding="utf-8"))
    kept = set(told["examples"]["texts"]) if told["examples"] else set()
    for name in ("banking77", "banking10", "headlines"):
        rows = (DATASETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts = {json.loads(row)["input"].removeprefix("Q: ").removesuffix("\nA:") for row in rows}
        assert not kept & texts
