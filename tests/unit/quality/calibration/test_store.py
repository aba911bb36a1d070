"""Examples, the calibration file, and where it is found."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tandem.errors import SettingsError
from tandem.quality.calibration.calibration import (
    Asking,
    LabelCalibration,
    TierFit,
    name_of,
)
from tandem.quality.calibration.examples import Examples
from tandem.quality.calibration.head import fit_head
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.score import fit_label_score
from tandem.quality.calibration.store import Calibrations
from tandem.quality.calibration.threshold import Promise
from tests.unit.quality.calibration.rows import LABELS, make, spoken


def calibration() -> LabelCalibration:
    rows = make(90)
    head = fit_head(rows.texts, rows.embeddings, rows.labels, 3)
    views = {"slm": spoken(rows), "head": head.log_probabilities}
    return LabelCalibration(
        task="sentiment",
        labels=LABELS,
        embeddings="fake",
        head=head.head,
        score=fit_label_score(views, rows.labels).score,
        slm=TierFit("small", "prompt", Asking(examples=4)),
        llm=TierFit("large", "prompt", Asking(), right=0.8, rows=50),
        promises=(
            Promise(("head",), 0.8, 0.9, 0.4, 200, 190, 20),
            Promise(("head", "slm"), 0.8, 0.9, 0.35, 200, 195, 20),
            Promise(("head", "slm"), 0.9, 0.9, 0.6, 200, 150, 5),
            Promise(("head",), 0.95, 0.9, None, 200, 0, 0),
        ),
        benefit=Monotone((0.0, 1.0), (0.5, 0.9)),
        examples=Examples(rows.texts, rows.labels.tolist(), rows.embeddings),
        card={"rows": 90},
    )


@pytest.fixture(scope="module")
def made() -> LabelCalibration:
    return calibration()


def test_a_calibration_is_found_by_task_and_labels_in_any_order(
    tmp_path: Path, made: LabelCalibration
) -> None:
    store = Calibrations([tmp_path / "own", tmp_path])
    path = store.save(made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = store.find("sentiment", ["up", "none", "down"]).calibration
    assert found is not None
    assert found.promises == made.promises
    assert (found.slm, found.llm, found.benefit) == (made.slm, made.llm, made.benefit)
    assert store.find("sentiment", ["up", "none", "down"]).calibration is found
    assert store.find("sentiment", ["up", "down"]).calibration is None
    assert store.find("faq", LABELS).calibration is None


def test_a_changed_file_is_read_again(tmp_path: Path, made: LabelCalibration) -> None:
    store = Calibrations([tmp_path])
    store.save(made)
    store.find("sentiment", LABELS)
    store.save(replace(made, card={"rows": 91}))
    found = store.find("sentiment", LABELS).calibration
    assert found is not None
    assert found.card == {"rows": 91}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[:100], ""),
        (lambda _: "[]", "no calibration"),
        (lambda text: text.replace('"format": 1', '"format": 99'), "format 99"),
        (lambda text: json.dumps({**json.loads(text), "promises": [{}]}), "no calibration"),
    ],
)
def test_a_damaged_file_is_not_used_and_says_so(
    tmp_path: Path, made: LabelCalibration, spoil: object, words: str
) -> None:
    store = Calibrations([tmp_path])
    path = store.save(made)
    path.write_text(spoil(path.read_text("utf-8")), "utf-8")  # type: ignore[operator]
    found = store.find("sentiment", LABELS)
    assert found.calibration is None
    assert "is not used" in found.note
    assert words in found.note


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, made: LabelCalibration) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        Calibrations([tmp_path / "file"]).save(made)


def test_the_promise_in_force_is_the_first_of_the_least_strict_enough_target(
    made: LabelCalibration,
) -> None:
    assert made.promise(0.8, {"head", "slm"}) == made.promises[0]
    assert made.promise(0.85, {"head", "slm"}) == made.promises[2]
    assert made.promise(0.85, {"head"}) is None
    assert made.promise(0.95, {"head", "slm"}) is None
    assert made.promise(0.99, {"head", "slm"}) is None


def test_where_the_chosen_way_certifies_nothing_no_other_is_looked_for(
    made: LabelCalibration,
) -> None:
    nothing = Promise(("head", "slm"), 0.9, 0.9, None, 200, 0, 0)
    certified = Promise(("head",), 0.9, 0.9, 0.7, 200, 100, 3)
    stricter = Promise(("head", "slm"), 0.95, 0.9, 0.9, 200, 90, 0)
    changed = replace(made, promises=(nothing, certified, stricter))
    assert changed.promise(0.9, {"head", "slm"}) is None
    assert changed.promise(0.9, {"head"}) == certified


def test_names_tell_tasks_and_label_sets_apart() -> None:
    names = {
        name_of("sentiment", LABELS),
        name_of("faq", LABELS),
        name_of("sentiment", ["down,none", "up"]),
        name_of("sentiment", ["down", "none,up"]),
    }
    assert len(names) == 4


def test_the_nearest_examples_never_include_the_text_itself() -> None:
    vectors = np.eye(4, dtype=np.float32)
    examples = Examples(["Gold up", "gold  UP", "Gold down", "Silver"], [0, 0, 1, 1], vectors)
    near = np.array([1.0, 0.9, 0.8, 0.1], dtype=np.float32)
    assert examples.nearest("gold up", near, 2) == [2, 3]
    assert examples.nearest("gold gains", near, 2) == [0, 1]
    assert examples.nearest("gold gains", near, 0) == []
    assert examples.nearest("gold gains", near, 9) == [0, 1, 2, 3]
