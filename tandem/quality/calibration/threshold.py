"""From which score on may answers leave? Learn-then-test with precision as what is controlled.

A promise is "of the answers accepted without the LLM at least `target` are right, with `confidence`
(n rows)". Thresholds of a grid that was fixed beforehand are tested in order, from the strictest
on, each by an exact binomial test of "precision is below target" at level 1 - confidence; the first
that does not pass ends the sequence, and the last that passed is taken. Tests in a fixed order need
no correction for their number: a false promise needs the first false hypothesis of the sequence to
be rejected, which happens with a probability of at most 1 - confidence.

Two things make that exact and useful. The grid and its order come from other rows' scores (those
that the scores were fitted on), never from the rows that test. And the sequence starts where about
twice the least sample that can pass is expected: any stricter and one early error would end it.

Several stages (head, then SLM) are tested together. All scores are probabilities of being right,
so one threshold t serves them all: the head answers where its score reaches t, else the SLM where
its score does, else the LLM. What is tested is the union of what is accepted, which is what the
promise speaks of, with the whole 1 - confidence. Splitting it between the stages is valid too, but
needs each stage to pass alone at half the error and, since the second stage's rows depend on the
first one's threshold, a grid of pairs; the union certifies more from the same rows.

Sources: Angelopoulos, Bates, Candès, Jordan, Lei (2021), Learn then Test, section 3.2 (fixed
sequence testing); Geifman and El-Yaniv (2017), Selective classification for deep neural networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
STEPS: Final = 200
"""Thresholds of a grid, at most. More would look at the same rows again and again."""
NO_LLM: Final = "accepted without the LLM"
HEAD_ANSWERED: Final = "that the head gives"
REJECTED: Final = -1.0
"""Score of an answer that cannot leave (refused by a hard gate, or none at all): it is accepted at
no threshold, and counts among the rows all the same."""
HEADROOM: Final = 2
"""The sequence starts at so many times the least sample that can pass."""


class Stage(NamedTuple):
    """One stage's answers to some rows: `scores` (probability of being right), `right`."""

    scores: Floats
    right: Bools


@dataclass(frozen=True)
class Promise:
    """What a threshold promises; `threshold` is None where nothing could be certified."""

    stages: tuple[str, ...]
    """What answers under it, in order: `head`, `slm`."""
    target: float
    confidence: float
    threshold: float | None
    rows: int
    """Calibration rows."""
    accepted: int
    """Of these, accepted at the threshold."""
    errors: int
    """Of the accepted ones, wrong."""
    agreement: bool = False
    """Whether the rows came of feedback: then this is agreement with it, and no promise."""

    @property
    def share(self) -> float:
        """Share of the calibration rows that is accepted, 0 to 1."""
        return self.accepted / self.rows if self.rows else 0.0

    def words(self, task: str, who: str = NO_LLM) -> str:
        """The promise as a sentence; `who` says which answers it speaks of."""
        level, sure = _percent(self.target), _percent(self.confidence)
        if self.threshold is None:
            return f"no threshold can promise {level} right answers for {task} with these models"
        if self.agreement:
            return (
                f"of the answers {who} for {task} at least {level} agree with feedback, with "
                f"{sure} confidence (n={self.rows}); that is no uniform sample: nothing is promised"
            )
        return (
            f"of the answers {who} for {task} at least {level} are right, with "
            f"{sure} confidence (n={self.rows})"
        )


def sentence(promise: Promise, task: str) -> str:
    """The promise as a report tells it, by its right name."""
    kind = "Agreement" if promise.agreement else "Promise"
    return f"{kind}: {promise.words(task)}."


def least_rows(target: float, confidence: float) -> int:
    """The fewest accepted rows, all right, that can certify `target`: 22 for 0.90 at 0.9.

    Raises
    ------
    ValueError: `target` or `confidence` is not between 0 and 1.
    """
    if not (0 < target < 1 and 0 < confidence < 1):
        raise ValueError("target and confidence lie between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(target) - 1e-9)


@lru_cache(maxsize=65_536)
def errors_allowed(accepted: int, target: float, confidence: float) -> int:
    """The most errors among `accepted` rows with which the test passes; -1: it cannot.

    The test passes where P(Binomial(accepted, 1 - target) <= errors) is at most 1 - confidence.
    """
    wrong = 1 - target
    term = accepted * math.log(target)
    tail, allowed = 0.0, -1
    for errors in range(accepted + 1):
        tail += math.exp(term)
        if tail > (1 - confidence) * (1 + 1e-12):
            break
        allowed = errors
        if errors < accepted:
            term += math.log((accepted - errors) / (errors + 1) * wrong / target)
    return allowed


def grid(best_scores: Floats, rows: int, target: float, confidence: float) -> Floats:
    """Thresholds to test on `rows` rows, strict to loose, from scores of other rows.

    Parameters
    ----------
    best_scores: for each of the other rows the best score of its stages, shape (n,).
    rows: how many rows will test.

    Returns
    -------
    Falling thresholds; empty where `rows` cannot certify the target.
    """
    least = least_rows(target, confidence)
    if rows < least or len(best_scores) == 0:
        return np.empty(0)
    start = min(HEADROOM * least, rows) / rows
    shares = np.linspace(start, 1.0, min(STEPS, rows))
    wanted = np.quantile(best_scores, 1 - shares)
    # The loosest accepts whatever comes, also what scores below every row seen so far.
    return np.unique(np.append(wanted, 0.0))[::-1]


def certify(
    stages: Sequence[Stage],
    thresholds: Floats,
    target: float,
    confidence: float,
    names: tuple[str, ...] = ("head",),
) -> Promise:
    """The loosest threshold that a fixed sequence over `thresholds` certifies.

    Parameters
    ----------
    stages: each stage's scores and answers to the same rows, in the order in which they answer.
    thresholds: strict to loose, from `grid`; they must not depend on these rows.
    """
    rows = len(stages[0].scores)
    passed: tuple[float, int, int] | None = None
    for threshold in thresholds:
        accepted, right = accepted_at(stages, float(threshold))
        count, errors = int(accepted.sum()), int((accepted & ~right).sum())
        if errors > errors_allowed(count, target, confidence):
            break
        passed = (float(threshold), count, errors)
    chosen, count, errors = passed or (None, 0, 0)
    return Promise(names, target, confidence, chosen, rows, count, errors)


def accepted_at(stages: Sequence[Stage], threshold: float) -> tuple[Bools, Bools]:
    """Which rows any stage accepts, and which of all rows the first accepting stage gets right."""
    accepted = np.zeros(len(stages[0].scores), dtype=bool)
    right = np.zeros_like(accepted)
    for stage in stages:
        new = (stage.scores >= threshold) & ~accepted
        right |= new & stage.right
        accepted |= new
    return accepted, right


def best_score(stages: Sequence[Stage]) -> Floats:
    """Each row's best score: it is accepted at every threshold up to there."""
    best: Floats = np.max([stage.scores for stage in stages], axis=0)
    return best


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
