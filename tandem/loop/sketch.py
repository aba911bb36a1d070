"""How a calibration's scores were spread, kept in its card so that later ones can be compared."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tandem.loop.certifying import Measured, Scored, asked_rows
from tandem.quality.calibration.threshold import REJECTED

MOST: Final = 400
"""Values kept of a distribution. Fewer than the rows makes a test milder, never sharper."""
DIGITS: Final = 5


def score_sketch(measured: Measured, scored: Scored) -> dict[str, Any]:
    """Scores of rows that nothing was fitted on (calibration and test).

    Returns
    -------
    `head`: its scores, rising, evenly thinned to MOST. `slm`: pairs [head's score, SLM's score] of
    at most MOST rows, since the SLM is asked only where the head's score did not do.
    """
    held_out = np.concatenate([measured.split.calibrate, measured.split.test])
    head = np.sort(scored.scores["head"][held_out])
    told: dict[str, Any] = {"head": _thinned(head)}
    if "slm" in scored.scores:
        rows = asked_rows(measured, ["slm"], held_out)
        rows = rows[scored.scores["slm"][rows] != REJECTED][:MOST]
        pairs = np.column_stack([scored.scores["head"][rows], scored.scores["slm"][rows]])
        told["slm"] = pairs.round(DIGITS).tolist()
    return told


def signal_sketch(scores: NDArray[np.float64]) -> dict[str, Any]:
    """The same of a task without a head, whose SLM's scores are `scores`."""
    return {"slm": [[0.0, score] for score in _thinned(np.sort(scores))]}


def _thinned(rising: NDArray[np.float64]) -> list[float]:
    places = np.linspace(0, len(rising) - 1, min(MOST, len(rising))).round().astype(int)
    kept: list[float] = rising[places].round(DIGITS).tolist()
    return kept
