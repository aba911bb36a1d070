"""Multinomial logistic regression: fitted by scikit-learn, asked by numpy."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from tandem.quality.calibration.arrays import Kind, Packed, pack, unpack

Matrix = NDArray[np.float32]


class PackedLinear(TypedDict):
    """A Linear as JSON."""

    weights: Packed
    bias: Packed


@dataclass(frozen=True)
class Linear:
    """logits = features x weights + bias.

    Parameters
    ----------
    weights: shape (features, labels). bias: shape (labels,).
    """

    weights: Matrix
    bias: Matrix

    def log_probabilities(self, logits: Matrix) -> Matrix:
        """Log of the softmax over the last axis."""
        shifted = logits - logits.max(axis=-1, keepdims=True)
        total: Matrix = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return total

    def __call__(self, features: Matrix) -> Matrix:
        """Log-probabilities of the labels, shape (..., labels)."""
        return self.log_probabilities(features @ self.weights + self.bias)

    def packed(self, kind: Kind = "f2") -> PackedLinear:
        """As JSON."""
        return {"weights": pack(self.weights, kind), "bias": pack(self.bias)}

    @classmethod
    def unpacked(cls, packed: PackedLinear) -> Linear:
        """Out of JSON. Raises ValueError where it is damaged."""
        return cls(unpack(packed["weights"]), unpack(packed["bias"]))


def fit_linear(features: Any, labels: NDArray[np.int64], count: int, strength: float) -> Linear:
    """Fit to `features` (a matrix, dense or sparse) and `labels` (0 to count - 1).

    Labels without a row get a bias under which they are never chosen.

    Parameters
    ----------
    strength: inverse of the L2 penalty; larger fits closer.

    Raises
    ------
    ValueError: only one label has rows.
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Features that no row has would only make the search longer; their weight is zero anyway.
    present = np.flatnonzero(np.asarray(abs(features).sum(axis=0)).ravel())
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
    # Steps this small lose more to waiting threads than they gain (18 s became 4 s on two cores).
    with threadpool_limits(1), warnings.catch_warnings():
        # Few rows a label are told of by whoever gives them; as a regression they are not meant.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(features[:, present], labels)
    weights = np.zeros((features.shape[1], count), dtype=np.float32)
    bias = np.full(count, -30.0, dtype=np.float32)
    classes = model.classes_.astype(int)
    if len(classes) == 2:
        # scikit-learn keeps one column for two labels; half of it each way is the same model.
        halves = np.stack([-model.coef_[0], model.coef_[0]], axis=1) / 2
        weights[np.ix_(present, classes)] = halves
        bias[classes] = np.array([-1.0, 1.0]) * model.intercept_[0] / 2
    else:
        weights[np.ix_(present, classes)], bias[classes] = model.coef_.T, model.intercept_
    return Linear(weights, bias)


def folds(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """A fold (0 to count - 1) for each row: each label's rows are dealt out in turn."""
    dealt = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        dealt[rows] = (np.arange(len(rows)) + int(label)) % count
    return dealt
