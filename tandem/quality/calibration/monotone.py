"""From a confidence to a probability that keeps the order: centred isotonic regression.

Plain isotonic regression makes plateaus, on which a threshold could not tell rows apart. Here each
plateau is one point at the mean of its confidences, with straight lines between.

Source: Oron and Flournoy (2017), Centered isotonic regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Monotone:
    """A rising function through knots; outside of them it ends at 0 and 1 of its range.

    Parameters
    ----------
    x: knots, rising. y: probabilities at the knots, rising.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, confidence: Floats) -> Floats:
        """Probabilities, of the shape of `confidence`."""
        return np.interp(confidence, self.x, self.y)

    @classmethod
    def fit(cls, confidence: Floats, right: NDArray[np.bool_]) -> Monotone:
        """Fit on rows that the confidences were not fitted on (or by cross-validation).

        The lowest and the highest block get one right and one wrong row each, so that no row is
        certain: 20 of 20 is 21 of 22.
        """
        order = np.argsort(confidence, kind="stable")
        blocks = _pooled(confidence[order].astype(float), right[order].astype(float))
        x = [centre for centre, _, _ in blocks]
        y = [(hits + 1) / (size + 2) if i in (0, len(blocks) - 1) else hits / size
             for i, (_, hits, size) in enumerate(blocks)]  # fmt: skip
        x, y = [x[0] - 1e-9 - abs(x[0]), *x, x[-1] + 1e-9 + abs(x[-1])], [y[0] / 2, *y, 0.0]
        y[-1] = y[-2] + (1 - y[-2]) / 2
        return cls(tuple(x), tuple(np.maximum.accumulate(y).tolist()))


def _pooled(x: Floats, y: Floats) -> list[tuple[float, float, int]]:
    """Blocks (mean x, sum of y, rows) after pooling adjacent violators; `x` rises."""
    blocks: list[tuple[float, float, int]] = []
    for at, value in zip(x.tolist(), y.tolist(), strict=True):
        block = (at, value, 1)
        while blocks and blocks[-1][1] * block[2] >= block[1] * blocks[-1][2]:
            centre, hits, size = blocks.pop()
            total = size + block[2]
            centre = (centre * size + block[0] * block[2]) / total
            block = (centre, hits + block[1], total)
        blocks.append(block)
    return blocks
