"""Where the small model fails: failures that are alike, told by counts and harmless words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import TypedDict

from tandem.loop.harmless_words import Words, telling, words_of
from tandem.loop.improve.rows import Row
from tandem.loop.labelled import drawn
from tandem.models.embeddings import embed_all
from tandem.privacy.checked import Scan
from tandem.quality.calibration.examples import same_key
from tandem.services import Services

MOST_ROWS: Final = 2000
"""More are sampled, by a hash of their text: the distances of so many fit into memory."""
OTHER: Final = "other"


class Cluster(TypedDict):
    """Failures that are alike. No text, and no word of few texts."""

    task: str
    words: list[str]
    rows: int
    gates: dict[str, int]
    """By gate, how many of them it refused."""
    labels: dict[str, int]
    """By label that turned out right, how many."""


def clusters(services: Services, rows: Sequence[Row], least: int) -> list[Cluster]:
    """The failures among `rows` by task and likeness, the largest first; no cluster, and no word
    of a name, of fewer than `least` different texts."""
    failures: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.failed:
            failures.setdefault(row.task, {}).setdefault(same_key(row.text), row)
    made: list[Cluster] = []
    for task, own in sorted(failures.items()):
        found = sorted(own.values(), key=lambda row: drawn(row.text, 0))[:MOST_ROWS]
        made += _of_task(services, task, found, least)
    return sorted(made, key=lambda one: -one["rows"])


def _of_task(services: Services, task: str, rows: Sequence[Row], least: int) -> list[Cluster]:
    groups: dict[int, list[Row]] = {}
    for row, group in zip(rows, _groups(services, rows, least), strict=True):
        groups.setdefault(group, []).append(row)
    words = words_of((row.text for row in rows), services.detector)
    return [
        _told(task, _name(own, words, services.detector, least) if group >= 0 else [OTHER], own)
        for group, own in groups.items()
    ]


def _groups(services: Services, rows: Sequence[Row], least: int) -> list[int]:
    """A number for each row; -1: it is like no others."""
    if len(rows) < 2 * least:
        return [-1] * len(rows)
    from sklearn.cluster import HDBSCAN  # type: ignore[import-untyped]

    vectors = embed_all(services.embeddings, [row.text for row in rows])
    found: list[int] = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(vectors).tolist()
    return found


def _name(rows: Sequence[Row], everywhere: Words, scan: Scan, least: int) -> list[str]:
    """Words that tell these rows from the others; see loop/harmless_words.py."""
    own = words_of((row.text for row in rows), scan)

    def lead(word: str) -> float:
        return own.counts[word] / own.texts - everywhere.counts[word] / everywhere.texts

    return telling(own, [everywhere], least, lead)


def _told(task: str, words: list[str], rows: Sequence[Row]) -> Cluster:
    gates: Counter[Any] = Counter(gate for row in rows for gate in set(row.gates))
    labels: Counter[Any] = Counter(row.label for row in rows if row.label)
    return {
        "task": task,
        "words": words,
        "rows": len(rows),
        "gates": dict(gates.most_common()),
        "labels": dict(labels.most_common()),
    }
