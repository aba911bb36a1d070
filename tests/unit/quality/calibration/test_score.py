"""Fused label scores and scores over signals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.quality.calibration.curves import auroc, calibration_error
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.score import (
    LabelScore,
    SignalScore,
    fit_label_score,
    fit_signal_score,
)
from tests.unit.quality.calibration.rows import make, spoken


def test_two_views_are_better_than_one() -> None:
    rows, new = make(300, noise=0.9), make(400, seed=7, noise=0.9)
    alone = fit_label_score({"slm": spoken(rows)}, rows.labels)
    views = {"slm": spoken(rows), "embedding": rows.embeddings}
    fused = fit_label_score(views, rows.labels)
    assert fused.right.mean() > alone.right.mean() + 0.05
    given_new = {"slm": spoken(new, seed=8), "embedding": new.embeddings}
    logs = fused.score.log_probabilities(given_new)
    right = logs.argmax(axis=1) == new.labels
    scores = fused.score.scores(logs)
    assert abs(right.mean() - fused.right.mean()) < 0.1
    assert calibration_error(scores, right) < 0.1
    assert auroc(scores, right) > 0.65


@pytest.mark.parametrize("views", [("slm",), ("slm", "head"), ("slm", "head", "embedding")])
def test_a_score_out_of_its_file_says_the_same(views: tuple[str, ...]) -> None:
    rows = make(200)
    known = {"slm": spoken(rows), "head": spoken(rows, 2), "embedding": rows.embeddings}
    known = {name: known[name] for name in views}
    score = fit_label_score(known, rows.labels).score
    again = LabelScore.unpacked(json.loads(json.dumps(score.packed())))
    logs = score.log_probabilities(known)
    assert np.allclose(again.log_probabilities(known), logs, atol=1e-4)
    assert np.allclose(np.exp(logs).sum(axis=1), 1, atol=1e-4)


def test_many_labels_share_a_views_weight() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 30
    logits = 4 * np.eye(30)[labels] + generator.normal(0, 1, (120, 30))
    logs = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
    score = fit_label_score({"slm": logs, "head": logs}, labels).score
    assert score.linear is None
    assert score.pool is not None


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
def test_probabilities_rise_with_confidence(
    rows: list[tuple[float, bool]], asked: list[float]
) -> None:
    confidence = np.array([one for one, _ in rows])
    monotone = Monotone.fit(confidence, np.array([yes for _, yes in rows]))
    values = monotone(np.sort(np.array(asked)))
    assert (np.diff(values) >= 0).all()
    assert (values >= 0).all()
    assert (values < 1).all()


def test_signals_tell_right_from_wrong() -> None:
    generator = np.random.default_rng(2)
    right = generator.random(300) < 0.7
    rows = [
        {"margin": float(yes + generator.normal(0, 0.7)), "same": 1.0, "noise": generator.random()}
        for yes in right
    ]
    fitted = fit_signal_score(rows, right)
    assert "same" not in fitted.score.names
    assert auroc(fitted.scores, right) > 0.75
    again = SignalScore.unpacked(json.loads(json.dumps(fitted.score.packed())))
    assert again({"margin": 2.0}) == pytest.approx(fitted.score({"margin": 2.0}))
    assert again({"margin": 2.0}) > again({}) > again({"margin": -1.0})


@pytest.mark.parametrize("right", [True, False])
def test_attempts_that_are_all_alike_teach_nothing(right: bool) -> None:
    rows = [{"margin": float(i)} for i in range(30)]
    with pytest.raises(ValueError, match="nothing tells"):
        fit_signal_score(rows, np.full(30, right))
