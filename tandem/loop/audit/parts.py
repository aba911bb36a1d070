"""Strata into workloads: of one prompt or declared task, or split by what is alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.loop.audit.figures import Figures, figures_of
from tandem.loop.audit.gathering import NO_TEXT, Stratum
from tandem.loop.audit.options import Options
from tandem.loop.audit.profiling import Seen
from tandem.nodes.find_task import UNCLEAR_TASK
from tandem.routing.head import OTHER
from tandem.stats import Interval, wilson

ONE_TASK: Final = 0.6
"""A prompt is of one task where at least this share of its rows is read as that task."""
WORTH_SPLITTING: Final = 0.1
"""The silhouette (-1 to 1) from which on a split counts as one."""


@dataclass(frozen=True)
class Part:
    """A workload's rows.

    Parameters
    ----------
    seen: its rows in the sample.
    of: rows of the stratum's sample; where `seen` is fewer, the part is a share of the stratum.
    task: empty: it holds several.
    task_share: share of the rows that were read as `task`; None: it was declared or not read.
    """

    stratum: Stratum
    seen: Sequence[Seen]
    of: int
    task: str
    task_share: float | None
    other: bool = False

    @property
    def silent(self) -> bool:
        """Whether its rows say neither what was asked nor for which task."""
        return self.stratum.key == NO_TEXT

    @property
    def whole(self) -> bool:
        """Whether it is the whole stratum."""
        return len(self.seen) == self.of

    @property
    def exact(self) -> bool:
        """Whether its volume is counted, not estimated."""
        return self.whole or self.of == self.stratum.figures.rows

    @property
    def figures(self) -> Figures:
        """The stratum's, or those of the part's rows in the sample."""
        if self.whole:
            return self.stratum.figures
        return figures_of((each.row, each.priced) for each in self.seen)

    @property
    def scale(self) -> float:
        """Rows of the log for each one of `figures`."""
        return 1.0 if self.whole else self.stratum.figures.rows / max(self.of, 1)

    @property
    def volume(self) -> Interval:
        """Rows, with the interval that comes of sampling."""
        rows = self.stratum.figures.rows
        if self.whole:
            return Interval(rows, rows, rows, rows)
        if self.exact:
            return Interval(len(self.seen), len(self.seen), len(self.seen), len(self.seen))
        share = wilson(len(self.seen), self.of)
        return Interval(rows * share.mean, rows * share.low, rows * share.high, self.of)


def parts_of(stratum: Stratum, seen: Sequence[Seen], options: Options) -> list[Part]:
    """The workloads of a stratum; what is too small to be one is last, as other."""
    if stratum.task or stratum.key == NO_TEXT or not any(each.probabilities for each in seen):
        return [Part(stratum, seen, len(seen), stratum.task or UNCLEAR_TASK, None)]
    task, share = _task_of(seen)
    if stratum.prompt and share >= ONE_TASK:
        return [Part(stratum, seen, len(seen), _named(task), share)]
    return _split(stratum, [each for each in seen if each.probabilities], options)


def _split(stratum: Stratum, seen: Sequence[Seen], options: Options) -> list[Part]:
    made: list[Part] = []
    left: list[Seen] = []
    for cluster in _clusters(seen, options):
        if len(cluster) < options.min_rows:
            left += cluster
            continue
        task, share = _task_of(cluster)
        made.append(Part(stratum, cluster, len(seen), _named(task), share))
    if left:
        made.append(Part(stratum, left, len(seen), "", None, other=True))
    return made


def _clusters(seen: Sequence[Seen], options: Options) -> list[list[Seen]]:
    """By what is alike; the task is told by a vote of each cluster's rows.

    The other way round, by task and then by what is alike, is worse: the head reads bare texts one
    by one with some noise, which then splits workloads (measured, docs/audit.md).
    """
    groups: dict[int, list[Seen]] = {}
    for each, label in zip(seen, alike([each.vector for each in seen], options), strict=True):
        groups.setdefault(label, []).append(each)
    return list(groups.values())


def alike(vectors: Sequence[Sequence[float]], options: Options) -> list[int]:
    """The cluster of each vector: k-means with the k of the best silhouette, one cluster where no
    split is worth it.

    Source: Rousseeuw (1987), Silhouettes.
    """
    n = len(vectors)
    if n < 2 * options.min_rows:
        return [0] * n
    import numpy as np
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]
    from sklearn.metrics import silhouette_score  # type: ignore[import-untyped]

    points = np.asarray(vectors, dtype=np.float32)
    best, labels = WORTH_SPLITTING, [0] * n
    most = min(options.most_clusters, n // options.min_rows, len(np.unique(points, axis=0)))
    for k in range(2, most + 1):
        tried = KMeans(k, n_init=3, random_state=options.seed % 2**32).fit_predict(points)
        score = float(silhouette_score(points, tried, metric="cosine"))
        if score > best:
            best, labels = score, tried.tolist()
    return labels


def _task_of(seen: Sequence[Seen]) -> tuple[str, float]:
    """The task that most rows are read as, and their share."""
    votes = Counter(_best(each.probabilities) for each in seen if each.probabilities)
    (task, count), *_ = votes.most_common(1)
    return task, count / votes.total()


def _best(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda name: probabilities[name])


def _named(task: str) -> str:
    return UNCLEAR_TASK if task == OTHER else task
