"""Complexity: the probability that the SLM will not do a request well enough.

Logistic regression over the task and the counts of tandem/routing/features.py, trained on requests
whose SLM answer was checked. It needs no embedding, so that it is known of every request, whoever
found the task. Of tasks that it saw no answers of it says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tandem.records import Request
from tandem.routing.features import COUNTS, counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Complexity:
    """Log odds that the SLM fails: of the task, plus weights over the counts."""

    tasks: Mapping[str, float]
    weights: NDArray[np.float32]
    """Shape (counts,)."""

    def of(self, request: Request, task: str) -> float | None:
        """Probability that the SLM fails `request`, 0 to 1; None for a task that it was not
        trained on."""
        if task not in self.tasks:
            return None
        odds = self.tasks[task] + float(self.weights @ counts(request))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))

    def to_json(self) -> dict[str, Any]:
        """As a part of the head's file."""
        return {
            "tasks": {task: round(odds, 4) for task, odds in self.tasks.items()},
            "weights": [round(float(weight), 5) for weight in self.weights],
        }

    @classmethod
    def from_json(cls, raw: Any) -> Complexity:
        """Raises ValueError, KeyError or TypeError where `raw` is no such part."""
        import numpy as np

        tasks = {str(task): float(odds) for task, odds in raw["tasks"].items()}
        weights = np.array(raw["weights"], dtype=np.float32)
        finite = np.isfinite(weights).all() and all(map(math.isfinite, tasks.values()))
        if weights.shape != (len(COUNTS),) or not finite:
            raise ValueError("its complexity has other features")
        return cls(tasks, weights)
