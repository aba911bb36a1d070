"""What should be measured of a workload, with as many rows as it has."""

from __future__ import annotations

import math
from typing import Final

from tandem.loop.audit.report import Workload
from tandem.loop.audit.saving import LEAST_ROWS
from tandem.stats import wilson

_AS_THEY_ARE: Final = ("sentiment", "document_classification", "extraction")
"""Tasks that `tandem calibrate` takes with a text and what is right, and nothing else."""
_OVER_DOCUMENTS: Final = ("faq", "support_reply")
"""Tasks that it takes where there is an index of the documents that the answers come from."""
_CALIBRATED: Final = (*_AS_THEY_ARE, *_OVER_DOCUMENTS, "draft")


def measuring(line: Workload) -> str:
    """The step that settles what the SLM may answer of a workload; empty where none does.

    It never asks for more rows than the log has of it, and names `tandem calibrate` only for tasks
    that it takes.
    """
    wanted, there = line["rows_to_label"], there_are(line)
    if wanted is None:
        return ""
    name = f"“{line['name']}”"
    if there < LEAST_ROWS:
        return f"Collect more rows of {name}: {there:,} are too few to settle anything."
    if there < wanted:
        return (
            f"Label all {there:,} rows of {name}, which settles the share that the SLM may answer "
            f"to {_within(line, there):.0%} more or less; collect {wanted - there:,} more to "
            "settle whether it pays."
        )
    return f"Label {wanted:,} rows of {name}, drawn at random, {_by(line['task'])}."


def settled_by(line: Workload) -> str:
    """How many labelled rows settle it, beside how many there are; empty where that is open."""
    wanted, there = line["rows_to_label"], there_are(line)
    if wanted is None:
        return ""
    lack = f", more than the {there:,} that are here" if there < wanted else ""
    return f"{wanted:,} labelled rows would settle it{lack}."


def there_are(line: Workload) -> int:
    """Rows of a workload, at least."""
    return math.floor(line["rows"]["low"])


def _within(line: Workload, rows: int) -> float:
    """Half of the interval that so many rows would leave around the share expected now."""
    expected = line["acceptance"]["value"] if line["acceptance"] else 0.5
    share = wilson(expected * rows, rows)
    return (share.high - share.low) / 2


def _by(task: str) -> str:
    settle = "they settle what the SLM may answer there"
    if task not in _CALIBRATED:
        return (
            "and see how many answers of the SLM are right: `tandem calibrate` does not take such "
            "rows"
        )
    if task in _AS_THEY_ARE:
        return f"and run `tandem calibrate {task}`: {settle}"
    needs = ", over an index of your documents," if task in _OVER_DOCUMENTS else ""
    return f"with the answer as `expected`, and run `tandem calibrate {task}`{needs}: {settle}"
