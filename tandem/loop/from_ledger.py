"""Labelled rows out of what people said of answers (`tandem feedback`).

An answer that was called right is the label of its request; of one that was called wrong the value
that was given in its place, and without a value nothing is known. That is no uniform sample of what
is asked: calibrations of it certify agreement, never a promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from tandem.errors import InvalidRequest
from tandem.ledger.judged import JudgedRun, judged_runs
from tandem.ledger.store import Ledger
from tandem.loop.calibrate_signals import KnownRow
from tandem.loop.labelled import LabelledRows
from tandem.loop.measuring import profile_of
from tandem.nodes.labels import LabelTask
from tandem.records import Request
from tandem.services import Services


class Judged(NamedTuple):
    """Requests with what was right, and what became of all judged answers, in words."""

    rows: list[KnownRow]
    words: str


def judged_rows(ledger: Ledger, task: str) -> Judged:
    """The judged requests of `task` whose text the ledger kept.

    Raises
    ------
    InvalidRequest: there are none. LedgerError: the ledger cannot be read.
    """
    found = list(judged_runs(ledger, task))
    if not found:
        raise InvalidRequest(
            f"The ledger holds no feedback on {task}.",
            "Judge answers by `tandem feedback RUN_ID --correct`, `--wrong` or `--value`.",
        )
    kept = [one for one in found if one["request"] is not None]
    if not kept:
        raise InvalidRequest(
            f"The ledger holds feedback on {len(found)} answers of {task} and the text of none: "
            'it keeps no texts unless the settings say so ([ledger] texts, "none" by default).',
            'Set texts = "all" (or "sampled") in [ledger]; what is asked and judged from then on '
            "can be used. Or give labelled rows by --data.",
        )
    rows = [row for one in kept if (row := _known(one, task)) is not None]
    words = (
        f"{len(found)} judged answers of {task}: {len(rows)} tell what is right, "
        f"{len(kept) - len(rows)} were called wrong without the right value, "
        f"{len(found) - len(kept)} are of requests whose text the ledger did not keep"
    )
    if not rows:
        raise InvalidRequest(f"{words}.", "Give the right values by `tandem feedback --value`.")
    return Judged(rows, words)


def label_rows(
    services: Services, task: LabelTask, judged: Sequence[KnownRow], names: Sequence[str] = ()
) -> LabelledRows:
    """The rows of one label set: `names`, or the one that most requests have. A calibration serves
    all tenants, so it is told where the requests are of several.

    Raises
    ------
    InvalidRequest: no judged request has these labels, or all were given the same one.
    """
    told = []
    for row in judged:
        prepared = task.prepare(row.request, profile_of(services, task.name, row.request))
        told.append((str(prepared["text"]), tuple(prepared["labels"]), _label(row.expected)))
    sets = Counter(tuple(sorted(labels)) for _, labels, _ in told)
    wanted = tuple(sorted(names)) if names else sets.most_common(1)[0][0]
    order = tuple(names) or next(labels for _, labels, _ in told if tuple(sorted(labels)) == wanted)
    rows = [
        (text, label)
        for text, labels, label in told
        if tuple(sorted(labels)) == wanted and label in order
    ]
    if len({label for _, label in rows}) < 2:
        raise InvalidRequest(
            f"{len(rows)} judged requests have these labels, and not two labels among them.",
            "Judge more answers, or name another label set by --labels.",
        )
    positions = np.array([order.index(label) for _, label in rows])
    tenants = {row.request.get("tenant", "") for row in judged}
    return LabelledRows(
        [text for text, _ in rows], positions, order, several_tenants=len(tenants) > 1
    )


def _known(run: JudgedRun, task: str) -> KnownRow | None:
    right = run["value"] if run["value"] is not None else run["output"] if run["correct"] else None
    if right is None:
        return None
    return KnownRow(cast("Request", {**(run["request"] or {}), "task": task}), right)


def _label(value: Any) -> str:
    return str(value.get("label") if isinstance(value, dict) else value)
