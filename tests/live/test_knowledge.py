"""The knowledge index with the real embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from tandem.knowledge.index import KnowledgeIndex
from tandem.models.embeddings import build_embeddings
from tandem.models.files import locate
from tandem.settings import Settings

PAGES = {
    "leave.md": "# Leave\n\n## Annual leave\n\nEverybody gets thirty days of holiday a year.\n",
    "travel.md": "# Travel\n\n## Hotels\n\nA room may cost up to 140 euros a night.\n",
    "it.txt": "A broken laptop is replaced by the help desk within two working days.\n",
}


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    settings = Settings()
    return build_embeddings(settings, lambda name: locate(name, settings))


def test_near_texts_have_near_vectors(embeddings: Embeddings) -> None:
    vectors = np.array(
        embeddings.embed_documents(["A cat sits on the mat.", "A kitten on a rug.", "Tax law."])
    )
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.5
    assert vectors[0] @ vectors[2] < 0.2


def test_questions_in_other_words_find_their_page(embeddings: Embeddings, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, text in PAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    report = KnowledgeIndex.build(folder, tmp_path / "index", embeddings, Settings().limits)
    assert report.pages == 3
    index = KnowledgeIndex.open(tmp_path / "index", embeddings)
    for question, source in {
        "How much vacation do I have?": "leave.md",
        "What is the limit for accommodation?": "travel.md",
        "My computer does not start any more": "it.txt",
    }.items():
        assert index.search(question, 1)[0]["chunk"]["source"] == source
    foreign = index.search("Who won the world cup in 1998?", 3)
    assert max(hit["cosine"] for hit in foreign) < Settings().knowledge.min_score
