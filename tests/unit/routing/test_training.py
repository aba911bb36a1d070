from __future__ import annotations

import numpy as np
import pytest

from tandem.errors import InvalidRequest
from tandem.routing.complexity_training import auroc, train_complexity
from tandem.routing.labelled import Labelled
from tandem.routing.training import best_temperature, calibration_error
from tests.unit.routing.makers import FINGERPRINT, TASKS, labelled, trained


def test_training_says_how_good_it_is_on_groups_that_it_did_not_see() -> None:
    result = trained()
    figures = result.held_out
    assert result.head.classes == tuple(sorted(TASKS))
    assert result.head.fingerprint == FINGERPRINT
    assert figures.accuracy.n == 36
    assert figures.accuracy.mean > 0.9
    assert {task: sum(said.values()) for task, said in figures.confusion.items()} == dict.fromkeys(
        TASKS, 12
    )
    assert result.head.card["rows"] == 36
    assert result.head.card["data"] == "test rows"
    assert result.worth is None


def test_what_only_the_group_tells_is_not_learned() -> None:
    """Were phrasings of one group on both sides, words that say nothing would seem to tell."""
    rows = [
        Labelled({"text": f"word{group} again"}, TASKS[group % 2], f"g{group}")
        for group in range(10)
        for _ in range(6)
    ]
    assert trained(rows).held_out.accuracy.mean < 0.8


def test_two_tasks_are_enough() -> None:
    rows = [row for row in labelled() if row.task != "faq"]
    head = trained(rows).head
    assert len(head.classes) == 2
    assert head.layer.bias.shape == (2,)


def test_too_few_groups_are_told() -> None:
    rows = [row._replace(group="one") for row in labelled()]
    with pytest.raises(InvalidRequest, match="fewer than 5 groups"):
        trained(rows)


def test_the_temperature_undoes_too_much_certainty() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(4000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = np.array([generator.choice(3, p=row) for row in shares])
    assert best_temperature(logits * 3, right) == pytest.approx(3, rel=0.1)


def test_calibration_error_is_the_gap_between_sureness_and_truth() -> None:
    confidences = np.array([0.95, 0.95, 0.55, 0.55])
    assert calibration_error(confidences, np.array([1, 1, 1, 0])) == pytest.approx(0.05)
    assert calibration_error(confidences, np.array([0, 0, 0, 0])) == pytest.approx(0.75)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    positive = np.array([True, True, False, False])
    assert auroc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 1
    assert auroc(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5
    assert auroc(np.array([4.0, 1.0, 2.0, 3.0]), positive) == 0.5
    assert auroc(np.array([2.0, 1.0, 2.0, 0.0]), positive) == 0.625


def test_complexity_is_measured_against_the_task_and_the_length() -> None:
    result = train_complexity(labelled(each=40, slm_failed=True))
    assert result is not None
    worth = result.worth
    assert worth.n == 120
    assert worth.auroc.low <= worth.auroc.mean <= worth.auroc.high
    assert worth.auroc.mean > worth.by_task_alone.mean
    assert worth.better_than_task > 0.975
    assert set(result.complexity.tasks) == set(TASKS)


def test_few_answers_train_no_complexity() -> None:
    assert train_complexity(labelled(each=5, slm_failed=True)) is None
    assert train_complexity(labelled(each=40)) is None
    all_failed = [row._replace(slm_failed=True) for row in labelled(each=40)]
    assert train_complexity(all_failed) is None
