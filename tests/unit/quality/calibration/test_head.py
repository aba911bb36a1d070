"""The head: learns, says how sure it is, and answers the same out of its file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tandem.quality.calibration.head import FittedHead, Head, fit_head
from tests.unit.quality.calibration.rows import make


@pytest.fixture(scope="module")
def fitted() -> FittedHead:
    rows = make(240)
    return fit_head(rows.texts, rows.embeddings, rows.labels, 3)


def test_a_head_answers_new_texts(fitted: FittedHead) -> None:
    new = make(200, seed=5)
    said = [
        fitted.head(text, vector) for text, vector in zip(new.texts, new.embeddings, strict=True)
    ]
    right = np.array([guess.label for guess in said]) == new.labels
    assert right.mean() > 0.8
    scores = np.array([guess.score for guess in said])
    assert abs(scores.mean() - right.mean()) < 0.1
    assert scores[right].mean() > scores[~right].mean()


def test_held_out_answers_are_no_better_than_new_ones(fitted: FittedHead) -> None:
    new = make(400, seed=9)
    said = [fitted.head(t, v).label for t, v in zip(new.texts, new.embeddings, strict=True)]
    assert abs(fitted.right.mean() - (np.array(said) == new.labels).mean()) < 0.08


def test_what_is_measured_is_what_the_file_holds(fitted: FittedHead) -> None:
    """To the bit: files keep fewer of a weight than training gives."""
    again = Head.unpacked(json.loads(json.dumps(fitted.head.packed())))
    for text, vector in zip(*make(40, seed=3)[:2], strict=True):
        first, second = fitted.head(text, vector), again(text, vector)
        assert first.score == second.score
        assert (first.log_probabilities == second.log_probabilities).all()


def test_texts_without_words_and_very_long_ones_get_an_answer(fitted: FittedHead) -> None:
    vector = make(1).embeddings[0]
    for text in ("", "!?", "x" * 100_000, "\ud800"):
        guess = fitted.head(text, vector)
        assert np.exp(guess.log_probabilities).sum() == pytest.approx(1, abs=1e-4)
        assert 0 < guess.score < 1


def test_many_labels_go_by_the_embedding_alone() -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(100) % 25
    vectors = (np.eye(25)[labels] + generator.normal(0, 0.05, (100, 25))).astype(np.float32)
    fitted = fit_head([f"row {label}" for label in labels], vectors, labels, 25)
    assert fitted.head.words is None
    assert fitted.right.mean() > 0.9


def test_one_label_is_no_task() -> None:
    rows = make(40)
    with pytest.raises(ValueError, match="class"):
        fit_head(rows.texts, rows.embeddings, np.zeros(40, dtype=np.int64), 3)
