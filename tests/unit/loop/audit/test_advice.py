from __future__ import annotations

from typing import cast

import pytest

from tandem.loop.audit.acceptance import UNKNOWN
from tandem.loop.audit.advice import measuring, settled_by
from tandem.loop.audit.report import Workload
from tandem.records import SLM_TASKS


def workload(task: str, rows: float, wanted: int | None = 88, low: float | None = None) -> Workload:
    least = rows if low is None else low
    told = {
        "name": "n",
        "task": task,
        "rows": {"value": rows, "low": least, "high": rows + rows - least, "n": 9},
        "acceptance": UNKNOWN,
        "rows_to_label": wanted,
    }
    return cast("Workload", told)


def test_as_many_rows_as_wanted_are_asked_for_where_they_are() -> None:
    told = measuring(workload("sentiment", 100))
    assert told == (
        "Label 88 rows of “n”, drawn at random, and run `tandem calibrate sentiment`: they settle "
        "what the SLM may answer there."
    )
    assert settled_by(workload("sentiment", 100)) == "88 labelled rows would settle it."


def test_no_more_rows_are_asked_for_than_there_are() -> None:
    told = measuring(workload("support_reply", 48))
    assert told.startswith("Label all 48 rows of “n”, which settles the share that the SLM may")
    assert "to 14% more or less; collect 40 more" in told
    assert "calibrate" not in told
    assert settled_by(workload("sentiment", 48)).endswith("it, more than the 48 that are here.")
    assert "all 60 rows" in measuring(workload("sentiment", 100, low=60.4))


def test_too_few_rows_are_to_be_collected() -> None:
    assert measuring(workload("sentiment", 20)).startswith("Collect more rows of “n”: 20 are")


def test_nothing_is_asked_where_no_number_settles_it() -> None:
    assert measuring(workload("sentiment", 100, None)) == ""
    assert settled_by(workload("sentiment", 100, None)) == ""


@pytest.mark.parametrize("task", SLM_TASKS)
def test_every_task_of_the_slm_is_calibrated_by_its_name(task: str) -> None:
    told = measuring(workload(task, 100))
    assert f"`tandem calibrate {task}`" in told
    assert ("index" in told) == (task in ("faq", "support_reply"))


@pytest.mark.parametrize("task", ["several", "reasoning", "triage"])
def test_no_other_task_is_sent_to_calibrate(task: str) -> None:
    assert "`tandem calibrate` does not take such rows" in measuring(workload(task, 100))
