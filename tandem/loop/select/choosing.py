"""The choice: by the lower bound of quality, corrected for how many candidates there are.

The best of several shares on the same rows is too high by luck, the more the more candidates: each
bound therefore holds with confidence 1 - (1 - confidence) / candidates (Bonferroni), so that all of
them hold together with `confidence`, whichever is chosen.

Against a target, a candidate may be chosen whose one-sided Wilson bound reaches it. Against the
best, one whose bound of the difference from every other candidate is above minus the margin; that
is Newcombe's hybrid score interval for paired shares (1998, Improved confidence intervals for the
difference between binomial proportions based on paired data, method 10).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tandem.loop.select.asking import Said
from tandem.stats import Interval, quantile, wilson

MOST_ROWS: Final = 1_000_000


@dataclass(frozen=True)
class Wanted:
    """What is asked of a candidate.

    Parameters
    ----------
    target: the least share of right answers; None: the best candidate's less `margin`.
    confidence: of the choice as a whole.
    """

    target: float | None = None
    margin: float = 0.03
    confidence: float = 0.95


@dataclass(frozen=True)
class Judged:
    """A candidate's figures. `right` has the usual two-sided interval, `promised` is the bound that
    the choice goes by. `cost` is of a request, in the settings' currency.

    Parameters
    ----------
    lag: the bound of its difference from the candidate that it lags behind most; 0.0 against a
        target. needed: rows with which its share would do; None: it would with none.
    front: whether no other is both cheaper and better.
    """

    said: Said
    right: Interval
    promised: float
    lag: float
    able: bool
    needed: int | None
    cost: float
    p50_s: float | None
    p95_s: float | None
    front: bool = False

    @property
    def name(self) -> str:
        """The candidate's."""
        return self.said.candidate.name


@dataclass(frozen=True)
class Choice:
    """All candidates by cost, and the one to take; None: none can be promised."""

    wanted: Wanted
    judged: tuple[Judged, ...]
    left_out: tuple[Said, ...]
    chosen: Judged | None

    @property
    def head_is_enough(self) -> bool:
        """Whether no model needs to be asked."""
        return self.chosen is not None and self.chosen.said.candidate.kind == "head"


def choose(said: Sequence[Said], wanted: Wanted) -> Choice:
    """The cheapest candidate that can be promised; of equally cheap ones the faster.

    `said` are of the same rows, at least one; those that could not be asked still count among the
    candidates, since they were looked at for the sake of the choice.
    """
    asked = [one for one in said if not one.why_not]
    tail = (1 - wanted.confidence) / max(1, len(said))
    judged = [_judged(one, asked, wanted, tail) for one in asked]
    marked = sorted(
        (_marked(one, judged) for one in judged), key=lambda one: (one.cost, one.p50_s or math.inf)
    )
    chosen = next((one for one in marked if one.able), None)
    left_out = tuple(one for one in said if one.why_not)
    return Choice(wanted, tuple(marked), left_out, chosen)


def lower(right: int, rows: int, tail: float) -> float:
    """Wilson's lower bound of a share that is above it with probability 1 - `tail`."""
    return wilson(right, rows, 1 - 2 * tail).low


def lower_difference(ours: Sequence[bool], theirs: Sequence[bool], tail: float) -> float:
    """The lower bound of the share of `ours` less that of `theirs`, on the same rows."""
    n, right, other = len(ours), sum(ours), sum(theirs)
    both = sum(a and b for a, b in zip(ours, theirs, strict=True))
    first, second = wilson(right, n, 1 - 2 * tail), wilson(other, n, 1 - 2 * tail)
    below, above = first.mean - first.low, second.high - second.mean
    spread = below**2 - 2 * _phi(n, right, other, both) * below * above + above**2
    return first.mean - second.mean - math.sqrt(max(0.0, spread))


def rows_needed(share: float, target: float, tail: float) -> int | None:
    """So many rows of which `share` are right would let the bound reach `target`; None: none."""
    if share <= target:
        return None
    enough = 1
    while lower(math.floor(share * enough), enough, tail) < target:
        enough *= 2
        if enough > MOST_ROWS:
            return None
    least = enough // 2
    while least + 1 < enough:
        middle = (least + enough) // 2
        if lower(math.floor(share * middle), middle, tail) < target:
            least = middle
        else:
            enough = middle
    return enough


def _judged(one: Said, asked: Sequence[Said], wanted: Wanted, tail: float) -> Judged:
    rows, right = len(one.right), sum(one.right)
    share, bound = wilson(right, rows), lower(right, rows, tail)
    if wanted.target is not None:
        able, lag = bound >= wanted.target, 0.0
        needed = None if able else rows_needed(share.mean, wanted.target, tail)
    else:
        lag = min(
            (lower_difference(one.right, each.right, tail) for each in asked if each is not one),
            default=0.0,
        )
        able = lag >= -wanted.margin
        needed = None if able else _rows_to_settle(one, asked, wanted, tail)
    cost = math.fsum(one.cost) / len(one.cost) if one.cost else 0.0
    return Judged(
        said=one,
        right=share,
        promised=bound,
        lag=lag,
        able=able and bool(one.cost),
        needed=needed,
        cost=cost,
        p50_s=quantile(one.seconds, 0.5),
        p95_s=quantile(one.seconds, 0.95),
    )


def _rows_to_settle(one: Said, asked: Sequence[Said], wanted: Wanted, tail: float) -> int | None:
    """As `rows_needed`, were the rows repeated: their bounds shrink with the root of their number,
    which is near enough to plan by."""
    needed = 0
    for each in asked:
        if each is one:
            continue
        gap = (sum(one.right) - sum(each.right)) / len(one.right) + wanted.margin
        reach = gap - wanted.margin - lower_difference(one.right, each.right, tail)
        if gap <= 0:
            return None
        needed = max(needed, math.ceil(len(one.right) * (reach / gap) ** 2))
    return needed


def _marked(one: Judged, judged: Sequence[Judged]) -> Judged:
    """With whether it stands on the front of cost and quality."""
    beaten = any(
        each.cost <= one.cost
        and each.right.mean >= one.right.mean
        and (each.cost, -each.right.mean) != (one.cost, -one.right.mean)
        for each in judged
    )
    return Judged(**{**one.__dict__, "front": not beaten})


def _phi(n: int, right: int, other: int, both: int) -> float:
    """The correlation of two columns of right and wrong, corrected as in Newcombe's method 10."""
    product = right * (n - right) * other * (n - other)
    if not product:
        return 0.0
    ad, bc = both * (n - right - other + both), (right - both) * (other - both)
    top = max(0.0, ad - bc - n / 2) if ad > bc else float(ad - bc)
    return top / math.sqrt(product)
