"""Trains the head of contract review; every figure comes from contracts that were held out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import InvalidRequest
from tandem.nodes.contract.head import (
    VERDICTS,
    ContractHead,
    TypeHead,
    VerdictHead,
    Words,
    pooled,
    with_place,
)
from tandem.nodes.contract.labelled import LabelledClause, LabelledContract
from tandem.nodes.contract.words import Vocabulary
from tandem.quality.calibration.linear import Linear, fit_linear
from tandem.quality.calibration.monotone import Monotone

FOLDS: Final = 5
INNER_FOLDS: Final = 4
TERMS: Final = 4000
TYPE_TERMS: Final = 3000
SEGMENT_STRENGTH: Final = 20.0
WHOLE_STRENGTH: Final = 1.0
TYPE_STRENGTH: Final = 30.0
SURE: Final = 0.8
Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]


class Figures(NamedTuple):
    """How good a part is on held-out contracts."""

    rows: int
    right: float
    macro_f1: float
    sure_share: float
    """Share of rows whose score is at least SURE."""
    sure_right: float
    """Of these, the share that is right."""
    evidence_first: float | None
    """Share of the labelled evidence that the likeliest segment holds; None for types."""


class Trained(NamedTuple):
    """A head and the figures of its parts."""

    head: ContractHead
    verdicts: Figures | None
    types: Figures | None


def train(
    contracts: Sequence[LabelledContract],
    clauses: Sequence[LabelledClause],
    card: Mapping[str, Any],
) -> Trained:
    """A head of all rows.

    Raises
    ------
    InvalidRequest: there are too few contracts to hold any out.
    """
    verdicts, of_verdicts = train_verdicts(contracts) if contracts else (None, None)
    types, of_types = train_types(clauses) if clauses else (None, None)
    told = {"verdicts": of_verdicts and of_verdicts._asdict()}
    told |= {"types": of_types and of_types._asdict()}
    whole = {
        **card,
        "trained": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "figures": {"how": f"{FOLDS} folds, no contract on both sides", **_rounded(told)},
    }
    return Trained(ContractHead(verdicts, types, whole), of_verdicts, of_types)


def train_verdicts(contracts: Sequence[LabelledContract]) -> tuple[VerdictHead, Figures]:
    """The verdict part, and its figures. Raises InvalidRequest as `train`."""
    dealt = _dealt([each.group for each in contracts], FOLDS)
    hypotheses = sorted({name for each in contracts for name in each.labels})
    gold = np.array([[_label(c, h) for h in hypotheses] for c in contracts])
    held_out = np.zeros((*gold.shape, len(VERDICTS)))
    first = np.zeros(gold.shape, dtype=np.int64)
    for fold in range(FOLDS):
        inside = [c for c, at in zip(contracts, dealt, strict=True) if at != fold]
        head = _fit_verdicts(inside, hypotheses)
        for row in np.flatnonzero(dealt == fold).tolist():
            readings = head.read(contracts[row].segments, hypotheses)
            for column, hypothesis in enumerate(hypotheses):
                said = readings[hypothesis]
                held_out[row, column] = said.probabilities
                first[row, column] = int(np.argmin(said.segments[:, 0]))
    known = gold >= 0
    chosen, top = held_out.argmax(axis=2)[known], held_out.max(axis=2)[known]
    right = chosen == gold[known]
    monotone = Monotone.fit(top, right)
    head = _fit_verdicts(contracts, hypotheses)
    found = _evidence_first(contracts, hypotheses, first)
    figures = _figures(gold[known], chosen, monotone(top), right, found)
    return VerdictHead(head.vocabulary, head.segment, head.whole, monotone), figures


def _fit_verdicts(contracts: Sequence[LabelledContract], hypotheses: Sequence[str]) -> VerdictHead:
    texts = [text for each in contracts for text in each.segments]
    owner = np.array([n for n, each in enumerate(contracts) for _ in each.segments])
    vocabulary = Vocabulary.fit(texts, [contracts[n].group for n in owner], TERMS)
    matrix = vocabulary.matrix(texts)
    inner = _dealt([each.group for each in contracts], INNER_FOLDS)[owner]
    parts: dict[str, Linear] = {}
    features: list[Matrix] = []
    labels: list[int] = []
    words = [Words.of(each.segments) for each in contracts]
    for place, hypothesis in enumerate(hypotheses):
        marked = np.array([mark for each in contracts for mark in each.marks(hypothesis)])
        # The second stage must see what the first says of contracts that it was not fitted on.
        said = _held_out(matrix, marked, inner)
        parts[hypothesis] = _fitted(matrix, marked)
        for number, each in enumerate(contracts):
            if (label := _label(each, hypothesis)) >= 0:
                row = pooled(said[owner == number], words[number].overlaps(hypothesis))
                features.append(with_place(row, place, len(hypotheses)))
                labels.append(label)
    whole = fit_linear(np.array(features), np.array(labels), len(VERDICTS), WHOLE_STRENGTH)
    return VerdictHead(vocabulary, parts, whole, Monotone((0.0, 1.0), (0.0, 1.0)))


def _held_out(matrix: Any, marked: Ints, folds: Ints) -> Matrix:
    said = np.zeros((len(marked), len(VERDICTS)), dtype=np.float32)
    for fold in np.unique(folds):
        inside, outside = folds != fold, folds == fold
        part = _fitted(matrix[inside], marked[inside])
        said[outside] = np.exp(part.log_probabilities(matrix[outside] @ part.weights + part.bias))
    return said


def _fitted(matrix: Any, marked: Ints) -> Linear:
    if len(np.unique(marked)) > 1:
        return fit_linear(matrix, marked, len(VERDICTS), SEGMENT_STRENGTH)
    bias = np.full(len(VERDICTS), -30.0, dtype=np.float32)
    bias[marked[0] if len(marked) else 0] = 0.0
    return Linear(np.zeros((matrix.shape[1], len(VERDICTS)), dtype=np.float32), bias)


def _label(contract: LabelledContract, hypothesis: str) -> int:
    label = contract.labels.get(hypothesis)
    return -1 if label is None else VERDICTS.index(label)


def _evidence_first(
    contracts: Sequence[LabelledContract], hypotheses: Sequence[str], first: Ints
) -> float | None:
    hits = [
        contract.marks(hypothesis)[first[row, column]] > 0
        for row, contract in enumerate(contracts)
        for column, hypothesis in enumerate(hypotheses)
        if any(contract.marks(hypothesis))
    ]
    return float(np.mean(hits)) if hits else None


def train_types(clauses: Sequence[LabelledClause]) -> tuple[TypeHead, Figures]:
    """The part of clause types, and its figures. Raises InvalidRequest as `train`."""
    dealt = _dealt([each.group for each in clauses], FOLDS)
    types = tuple(sorted({name for each in clauses for name in each.types}))
    best = np.zeros(len(clauses), dtype=np.int64)
    top = np.zeros(len(clauses))
    for fold in range(FOLDS):
        inside = [c for c, at in zip(clauses, dealt, strict=True) if at != fold]
        head = _fit_types(inside, types)
        for row in np.flatnonzero(dealt == fold).tolist():
            name, top[row] = head.read(clauses[row].text)[0]
            best[row] = types.index(name)
    right = np.array([types[at] in c.types for at, c in zip(best, clauses, strict=True)])
    # Where several labels are right, the one that was said counts as the one that was meant.
    meant = np.array(
        [
            at if hit else types.index(c.types[0])
            for at, hit, c in zip(best, right, clauses, strict=True)
        ]
    )
    monotone = Monotone.fit(top, right)
    head = _fit_types(clauses, types)
    figures = _figures(meant, best, monotone(top), right, None)
    return TypeHead(head.vocabulary, types, head.layer, monotone), figures


def _fit_types(clauses: Sequence[LabelledClause], types: Sequence[str]) -> TypeHead:
    texts = [each.text for each in clauses]
    vocabulary = Vocabulary.fit(texts, [each.group for each in clauses], TYPE_TERMS)
    matrix = vocabulary.matrix(texts)
    weights = np.zeros((len(vocabulary.terms), len(types)), dtype=np.float32)
    bias = np.full(len(types), -30.0, dtype=np.float32)
    for column, name in enumerate(types):
        having = np.array([name in each.types for each in clauses], dtype=np.int64)
        if 0 < having.sum() < len(having):
            part = fit_linear(matrix, having, 2, TYPE_STRENGTH)
            weights[:, column] = part.weights[:, 1] - part.weights[:, 0]
            bias[column] = part.bias[1] - part.bias[0]
    identity = Monotone((0.0, 1.0), (0.0, 1.0))
    return TypeHead(vocabulary, tuple(types), Linear(weights, bias), identity)


def _dealt(groups: Sequence[str], count: int) -> Ints:
    """A fold for each row, those of one group in the same."""
    names = sorted(set(groups))
    if len(names) < count:
        raise InvalidRequest(
            f"The rows are of fewer than {count} contracts, so none can be held out. Nothing was "
            "trained.",
            "Give rows of more contracts; `group` names the contract of a row.",
        )
    order = np.random.default_rng(0).permutation(len(names))
    fold = {names[at]: place % count for place, at in enumerate(order)}
    return np.array([fold[group] for group in groups])


def _figures(
    meant: Ints, said: Ints, scores: NDArray[np.float64], right: NDArray[np.bool_], first: Any
) -> Figures:
    f1 = []
    for label in np.unique(meant):
        both = np.sum((meant == label) & (said == label))
        f1.append(2 * both / (np.sum(meant == label) + np.sum(said == label)))
    sure = scores >= SURE
    sure_right = float(right[sure].mean()) if sure.any() else 0.0
    macro = float(np.mean(f1))
    return Figures(len(meant), float(right.mean()), macro, float(sure.mean()), sure_right, first)


def _rounded(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _rounded(value) for name, value in told.items()}
    return round(told, 4) if isinstance(told, float) else told
