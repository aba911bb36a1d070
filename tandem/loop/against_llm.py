"""The LLM against head and SLM on the same rows: what asking it gains, and what it spoils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tandem.loop.certifying import Measured, Scored, asked_rows, stages_of
from tandem.quality.calibration.threshold import Promise, accepted_at


class Exchange(NamedTuple):
    """The LLM against the best local answer, on test rows. Shares of `rows`, 0 to 1."""

    rows: int
    mends: float
    """The LLM is right and the local answer wrong."""
    spoils: float
    """The reverse."""


def exchange(measured: Measured, scored: Scored) -> Exchange | None:
    """What asking the LLM of every row would change; None: it was not asked."""
    names = list(scored.labels)
    if measured.llm is None:
        return None
    rows = measured.llm.among(asked_rows(measured, names, measured.split.test))
    if not len(rows):
        return None
    stages = stages_of(measured, scored, names, rows)
    first = np.argmax([stage.scores for stage in stages], axis=0)
    local = np.array([stage.right for stage in stages])[first, np.arange(len(rows))]
    llm = measured.llm.labels[rows] == measured.labels[rows]
    return Exchange(len(rows), float((llm & ~local).mean()), float((local & ~llm).mean()))


def where_accepted(
    measured: Measured, scored: Scored, made: Sequence[Promise]
) -> list[tuple[float, list[str], int, int]]:
    """For each promise (its target and stages) how often the LLM is right on the test rows that are
    accepted without it, and of how many: the shadow compares such answers only."""
    if measured.llm is None:
        return []
    told = []
    for one in made:
        rows = measured.llm.among(asked_rows(measured, one.stages, measured.split.test))
        threshold = float("inf") if one.threshold is None else one.threshold
        accepted, _ = accepted_at(stages_of(measured, scored, one.stages, rows), threshold)
        right = measured.llm.labels[rows] == measured.labels[rows]
        told.append((one.target, list(one.stages), int(right[accepted].sum()), int(accepted.sum())))
    return told
