"""From what a model said to P(correct): fused label scores, and scores over signals.

`LabelScore` fuses several views of a label (the SLM's log-probabilities, the head's, the text's
embedding) in one logistic regression and so may choose another label than the SLM did; which views
it takes is decided by cross-validation. `SignalScore` is for other tasks: logistic regression over
an attempt's named signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from tandem.quality.calibration.linear import Linear, PackedLinear, fit_linear, folds
from tandem.quality.calibration.monotone import Monotone

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Views = Mapping[str, Matrix]
"""By name: `slm` and `head` log-probabilities, shape (rows, labels), and `embedding`."""
FLOOR: Final = 1e-4
"""Least probability: below it a server's list of likeliest tokens says nothing."""
FOLDS: Final = 5
EMBEDDING_SCALE: Final = 4.0
"""Unit vectors have small numbers; beside log-probabilities the penalty would flatten them."""
STRENGTH: Final = 0.3
FEW_LABELS: Final = 20
"""Up to so many labels each label gets weights of its own; beyond, all labels share a view's."""
CANDIDATES: Final = (("slm",), ("head",), ("slm", "head"), ("slm", "embedding"))


class PackedLabelScore(TypedDict):
    """A LabelScore as JSON."""

    views: list[str]
    linear: PackedLinear | None
    pool: list[float] | None
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class LabelScore:
    """Fused log-probabilities of the labels, and the probability that the likeliest is right.

    Parameters
    ----------
    views: the names of the views that are used, in order.
    linear: over the views side by side; None: `pool`.
    pool: one weight a view, the same for all labels (a logarithmic opinion pool).
    right: from the likeliest label's probability to that of its being right.
    """

    views: tuple[str, ...]
    linear: Linear | None
    pool: tuple[float, ...] | None
    right: Monotone

    def log_probabilities(self, given: Views) -> Matrix:
        """Of all labels, shape (rows, labels). `given` holds at least the score's own views."""
        parts = [_scaled(name, given[name]) for name in self.views]
        if self.linear is not None:
            return self.linear(np.concatenate(parts, axis=1))
        weights = np.array(self.pool or (1.0,), dtype=np.float32)
        return _normalised(np.tensordot(weights, np.stack(parts), axes=1))

    def scores(self, logs: Matrix) -> Floats:
        """P(correct) of the likeliest label, shape (rows,)."""
        return self.right(np.exp(logs.max(axis=1)).astype(float))

    def packed(self) -> PackedLabelScore:
        """As JSON."""
        return {
            "views": list(self.views),
            "linear": self.linear.packed("f4") if self.linear else None,
            "pool": list(self.pool) if self.pool else None,
            "x": list(self.right.x),
            "y": list(self.right.y),
        }

    @classmethod
    def unpacked(cls, packed: PackedLabelScore) -> LabelScore:
        """Out of JSON. Raises ValueError where it is damaged."""
        linear, pool = packed["linear"], packed["pool"]
        return cls(
            tuple(packed["views"]),
            Linear.unpacked(linear) if linear else None,
            tuple(pool) if pool else None,
            Monotone(tuple(packed["x"]), tuple(packed["y"])),
        )


class FittedScore(NamedTuple):
    """A score, and what it says of its own rows when they are held out (by cross-validation)."""

    score: LabelScore
    scores: Floats
    right: Bools
    log_loss: float


def fit_label_score(views: Views, labels: NDArray[np.int64]) -> FittedScore:
    """Fit every candidate set of views that is given; take the least log loss on held-out rows.

    Parameters
    ----------
    views: of rows that none of the views was fitted on (a head's by cross-validation).
    labels: the right labels, shape (rows,).

    Raises
    ------
    ValueError: only one label has rows, or no view of the SLM is given.
    """
    count = views["slm"].shape[1]
    known = [names for names in CANDIDATES if all(name in views for name in names)]
    # The head alone is a stage of its own; here it would only be asked twice.
    known = [names for names in known if "slm" in names]
    pools = [names for names in known if "embedding" not in names]
    tried = [_tried(views, labels, names, count, pooled=True) for names in pools]
    if count <= FEW_LABELS:
        tried += [_tried(views, labels, names, count, pooled=False) for names in known]
    return min(tried, key=lambda fitted: fitted.log_loss)


def clipped_log(probabilities: Matrix) -> Matrix:
    """Log-probabilities with a floor, so that one unlisted token does not decide."""
    logs: Matrix = np.log(np.maximum(probabilities, FLOOR)).astype(np.float32)
    return logs


def _tried(
    views: Views, labels: NDArray[np.int64], names: tuple[str, ...], count: int, *, pooled: bool
) -> FittedScore:
    parts = [_scaled(name, views[name]) for name in names]
    held_out = np.zeros((len(labels), count), dtype=np.float32)
    dealt = folds(labels, FOLDS)
    for fold in range(FOLDS):
        inside, outside = dealt != fold, dealt == fold
        linear, pool = _fit([part[inside] for part in parts], labels[inside], count, pooled=pooled)
        part_of = LabelScore(names, linear, pool, Monotone((0.0, 1.0), (0.0, 1.0)))
        held_out[outside] = part_of.log_probabilities({n: views[n][outside] for n in names})
    right = held_out.argmax(axis=1) == labels
    confidence = np.exp(held_out.max(axis=1)).astype(float)
    monotone = Monotone.fit(confidence, right)
    linear, pool = _fit(parts, labels, count, pooled=pooled)
    loss = -float(np.maximum(held_out[np.arange(len(labels)), labels], np.log(FLOOR)).mean())
    return FittedScore(LabelScore(names, linear, pool, monotone), monotone(confidence), right, loss)


def _fit(
    parts: Sequence[Matrix], labels: NDArray[np.int64], count: int, *, pooled: bool
) -> tuple[Linear | None, tuple[float, ...] | None]:
    if pooled:
        return None, _fit_pool(parts, labels)
    return fit_linear(np.concatenate(parts, axis=1), labels, count, STRENGTH), None


def _fit_pool(parts: Sequence[Matrix], labels: NDArray[np.int64]) -> tuple[float, ...]:
    """Weights of least log loss: Newton steps; the loss is convex in them."""
    stacked = np.stack(parts).astype(float)
    rows = np.arange(len(labels))
    weights = np.full(len(parts), 1.0 / len(parts))
    for _ in range(30):
        chances = np.exp(_normalised(np.tensordot(weights, stacked, axes=1)))
        expected = (stacked * chances).sum(axis=2)
        gradient = (expected - stacked[:, rows, labels]).mean(axis=1) + 1e-3 * weights
        centred = stacked - expected[:, :, None]
        hessian = np.einsum("irl,jrl,rl->ij", centred, centred, chances) / len(labels)
        step = np.linalg.solve(hessian + 1e-3 * np.eye(len(parts)), gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-6:
            break
    return tuple(weights.tolist())


def _scaled(name: str, view: Matrix) -> Matrix:
    return view * np.float32(EMBEDDING_SCALE) if name == "embedding" else view


def _normalised(logits: Matrix) -> Matrix:
    return Linear(np.empty((0, 0)), np.empty(0)).log_probabilities(logits)  # type: ignore[arg-type]


class PackedSignalScore(TypedDict):
    """A SignalScore as JSON."""

    names: list[str]
    mean: list[float]
    scale: list[float]
    weights: list[float]
    bias: float
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class SignalScore:
    """P(correct) of an attempt from its signals; a signal that lacks counts as the usual one.

    Parameters
    ----------
    names: the signals. mean, scale: of the rows that it was fitted on.
    weights, bias: of the standardised signals. right: from the logistic's value to a probability.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    right: Monotone

    def __call__(self, signals: Mapping[str, float]) -> float:
        """Probability that the attempt is right."""
        logit = self.bias
        for name, mean, scale, weight in zip(
            self.names, self.mean, self.scale, self.weights, strict=True
        ):
            logit += weight * (signals.get(name, mean) - mean) / scale
        return float(self.right(np.array([_sigmoid(logit)]))[0])

    def packed(self) -> PackedSignalScore:
        """As JSON."""
        return {
            "names": list(self.names),
            "mean": list(self.mean),
            "scale": list(self.scale),
            "weights": list(self.weights),
            "bias": self.bias,
            "x": list(self.right.x),
            "y": list(self.right.y),
        }

    @classmethod
    def unpacked(cls, packed: PackedSignalScore) -> SignalScore:
        """Out of JSON."""
        return cls(
            tuple(packed["names"]),
            tuple(packed["mean"]),
            tuple(packed["scale"]),
            tuple(packed["weights"]),
            packed["bias"],
            Monotone(tuple(packed["x"]), tuple(packed["y"])),
        )


class FittedSignals(NamedTuple):
    """A SignalScore, and its scores of its own rows when they are held out."""

    score: SignalScore
    scores: Floats


def fit_signal_score(rows: Sequence[Mapping[str, float]], right: Bools) -> FittedSignals:
    """Fit to the signals of labelled attempts. Signals that never vary are left out.

    Raises
    ------
    ValueError: all attempts are right, or all wrong, or no signal varies.
    """
    names = tuple(sorted({name for row in rows for name in row}))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=float)
    varies = np.nanstd(table, axis=0) > 0
    names = tuple(name for name, keep in zip(names, varies, strict=True) if keep)
    if not names or right.all() or not right.any():
        raise ValueError("nothing tells right attempts from wrong ones")
    table = table[:, varies]
    mean, scale = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    features = np.where(np.isnan(table), 0.0, (table - mean) / scale)
    labels = right.astype(np.int64)
    held_out = np.zeros(len(right))
    dealt = folds(labels, FOLDS)
    for fold in range(FOLDS):
        inside, outside = dealt != fold, dealt == fold
        model = fit_linear(features[inside], labels[inside], 2, 1.0)
        held_out[outside] = np.exp(model(features[outside])[:, 1])
    model, monotone = fit_linear(features, labels, 2, 1.0), Monotone.fit(held_out, right)
    weights = (model.weights[:, 1] - model.weights[:, 0]).astype(float).tolist()
    bias = float(model.bias[1] - model.bias[0])
    score = SignalScore(
        names, tuple(mean.tolist()), tuple(scale.tolist()), tuple(weights), bias, monotone
    )
    return FittedSignals(score, monotone(held_out))


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))
