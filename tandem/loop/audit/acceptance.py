"""How often the SLM's answers pass: by the ledger, by a calibration, or not known at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tandem.ledger.report import Report
from tandem.loop.audit.report import Acceptance
from tandem.loop.in_force import LOCAL, RULE, InForce
from tandem.stats import wilson

LEAST_RUNS: Final = 20
"""Fewer runs of a task in the ledger say nothing."""
UNKNOWN: Final[Acceptance] = {
    "value": 0.5,
    "low": 0.025,
    "high": 0.975,
    "known": False,
    "source": "not measured: any share from 0 to 1 is taken as equally likely",
}


def acceptances(report: Report | None, calibrated: Sequence[InForce]) -> dict[str, Acceptance]:
    """By task, what is known. The ledger's own runs go before a calibration's rows.

    Calibrations that came with Tandem do not count. Where several of a task are in force, the
    interval spans theirs all: which of them a workload is like is not known.
    """
    known: dict[str, Acceptance] = {}
    for each in calibrated:
        promise = each.promise
        # A shipped one was made on public data sets: it knows nothing of this log.
        if each.shipped or promise is None or promise.threshold is None or not promise.rows:
            continue
        share = wilson(promise.accepted, promise.rows)
        before = known.get(each.task)
        known[each.task] = {
            "value": share.mean if before is None else min(before["value"], share.mean),
            "low": share.low if before is None else min(before["low"], share.low),
            "high": share.high if before is None else max(before["high"], share.high),
            "known": True,
            "source": "calibrations in force, on their rows and not on this log's",
        }
    return known | _by_ledger(report)


def _by_ledger(report: Report | None) -> dict[str, Acceptance]:
    known: dict[str, Acceptance] = {}
    for line in report["tasks"] if report else ():
        alone = sum(line["answered_by"].get(who, 0) for who in (*LOCAL, RULE))
        # All that failed counts against the SLM, whoever tried it.
        tried = alone + line["escalated"] + line["needs_review"] + line["failed"]
        if tried < LEAST_RUNS:
            continue
        share = wilson(alone, tried)
        known[line["task"]] = {
            "value": share.mean,
            "low": share.low,
            "high": share.high,
            "known": True,
            "source": f"{tried} runs of the task in the ledger",
        }
    return known


def of_task(known: Mapping[str, Acceptance], task: str) -> Acceptance:
    """What is known of `task`; UNKNOWN where nothing is."""
    return known.get(task, UNKNOWN)
