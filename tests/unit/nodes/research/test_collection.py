"""Where passages come from, and how questions are crossed with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import DocumentError
from tandem.nodes.research.collection import (
    Collection,
    collection_of,
    named_texts,
    refuse_unreadable,
)
from tandem.nodes.research.crossing import cross
from tests.unit.nodes.knowledge import FakeSearcher, hit
from tests.unit.nodes.research.pieces import passage, question
from tests.unit.nodes.research.words import WordEmbeddings
from tests.unit.services import FakeServices


def test_nothing_is_kept_that_is_not_near_enough() -> None:
    searcher = FakeSearcher([hit("a.md", "A", "Annual leave.", 0.44)])
    assert Collection(searcher, 0.45).passages("annual leave", 3) == []
    assert len(Collection(searcher, 0.44).passages("annual leave", 3)) == 1


def test_a_name_that_no_passage_holds_keeps_nothing() -> None:
    collection = Collection(FakeSearcher(), 0.45)
    assert collection.passages("What does a hotel in Berlin cost?", 3) == []
    assert [one["id"] for one in collection.passages("How much leave?", 1)] == ["leave.md#1"]


def test_a_name_may_stand_in_the_name_of_the_page() -> None:
    searcher = FakeSearcher([hit("berlin.md", "Hotels", "A night costs 90 euros.", 0.8)])
    assert Collection(searcher, 0.45).passages("What does a hotel in Berlin cost?", 3)


def test_documents_come_before_the_knowledge_base(tmp_path: Path) -> None:
    made = FakeServices(tmp_path)
    made.__dict__["embeddings"] = WordEmbeddings()
    made.hits = [hit("base.md", "Base", "Annual leave is 6 hours.", 0.9)]
    assert collection_of(made, {"text": "leave"}).documents is None
    documents: Any = [{"name": "own.txt", "text": "Annual leave is 8 hours."}]
    collection = collection_of(made, {"text": "leave", "documents": documents})
    assert [one["source"] for one in collection.passages("annual leave", 3)] == ["own.txt"]
    assert collection.documents == {"read": 1, "unreadable": [], "cut": []}


def test_documents_of_which_none_can_be_read_are_an_error() -> None:
    documents: Any = [{"name": "a.txt", "text": "", "unreadable": "a.txt cannot be opened."}] * 2
    with pytest.raises(DocumentError, match=r"None of the 2 documents.*a\.txt cannot be opened"):
        refuse_unreadable(documents)
    refuse_unreadable([])


def test_documents_of_one_name_are_told_apart() -> None:
    documents: Any = [{"name": "a.txt", "text": text} for text in ("one", "two", "", "three")]
    assert named_texts(documents) == {"a.txt": "one", "a.txt (2)": "two", "a.txt (3)": "three"}


def test_questions_that_share_a_passage_share_a_job() -> None:
    questions = {0: question("A?"), 1: question("B?"), 2: question("C?")}
    kept = {"A?": ["x", "y"], "B?": ["x"], "C?": []}
    jobs, left_out = cross(questions, lambda text: [passage(id_) for id_ in kept[text]], 10)
    asked = {job["passage"]["id"]: list(job["questions"]) for job in jobs}
    assert (asked, left_out) == ({"x": ["0", "1"], "y": ["0"]}, 0)


@given(
    st.dictionaries(st.integers(0, 4), st.lists(st.sampled_from("abcdef"), unique=True)),
    st.integers(1, 12),
)
def test_every_pair_is_read_once_or_left_out(kept: dict[int, list[str]], most: int) -> None:
    questions = {at: question(str(at)) for at in kept}
    jobs, left_out = cross(questions, lambda text: [passage(one) for one in kept[int(text)]], most)
    read = [(int(at), job["passage"]["id"]) for job in jobs for at in job["questions"]]
    pairs = {(at, one) for at, passages in kept.items() for one in passages}
    assert set(read) <= pairs
    assert len(read) == len(set(read)) == min(len(pairs), most)
    assert left_out == len(pairs) - len(read)
