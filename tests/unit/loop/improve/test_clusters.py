"""Failures that are alike: counts and harmless words, never a name, never a text of few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from tandem.loop.improve.clusters import OTHER, clusters
from tests.unit.loop.improve.filling import services_of
from tests.unit.loop.improve.test_labelling import row


class ByFirstWord(Embeddings):
    """Vectors that lie close together where texts begin alike."""

    def embed_query(self, text: str) -> list[float]:
        at = {"refund": 0, "parcel": 1}.get(text.split(maxsplit=1)[0], 2)
        generator = np.random.default_rng(len(text) + 100 * at)
        vector = np.eye(8)[at] + generator.normal(0, 0.02, 8)
        return [float(one) for one in vector / np.linalg.norm(vector)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def texts(start: str, count: int, rest: str) -> list[Any]:
    return [row(f"{start}{n}", text=f"{start} {rest} {'x' * n}") for n in range(count)]


def test_clusters_have_counts_and_words_without_names(tmp_path: Path) -> None:
    services = services_of(tmp_path)
    services.__dict__["embeddings"] = ByFirstWord()
    refunds = texts("refund", 12, "asked by Quince of ann@example.org")
    rows = [*refunds, *texts("parcel", 9, "late again"), *refunds[:3], row("s", failed=False)]
    made = clusters(services, rows, 5)
    assert [one["rows"] for one in made] == [12, 9]
    assert [one["gates"] for one in made] == [{"margin": 12}, {"margin": 9}]
    told = [word for one in made for word in one["words"]]
    assert {"refund", "parcel"} <= set(told)
    assert not {"quince", "ann", "example", "org"} & set(told)


def test_few_failures_are_no_cluster_and_have_no_words(tmp_path: Path) -> None:
    made = clusters(services_of(tmp_path), texts("refund", 4, "asked"), 5)
    assert [(one["words"], one["rows"]) for one in made] == [([OTHER], 4)]
