from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tandem.records import Request
from tandem.routing.features import BUCKETS, COUNTS, WINDOW_CHARS, counts, hashed, head_text

REQUESTS = st.builds(
    lambda text, documents, labels: Request(
        text=text,
        documents=[{"name": "d", "text": one} for one in documents],
        labels=labels,
    ),
    st.text(max_size=3000),
    st.lists(st.text(max_size=500), max_size=4),
    st.lists(st.text(max_size=20), max_size=4),
)


@given(REQUESTS)
def test_every_request_has_finite_features(request: Request) -> None:
    figures = counts(request)
    buckets, weights = hashed(request)
    assert figures.shape == (len(COUNTS),)
    assert np.isfinite(figures).all()
    assert buckets.shape == weights.shape
    assert len(set(buckets.tolist())) == len(buckets)
    assert ((buckets >= 0) & (buckets < BUCKETS)).all()
    assert np.linalg.norm(weights) <= 1 + 1e-5


def test_a_count_says_what_its_name_says() -> None:
    request: Request = {
        "text": "What is 3 + 4?\n- one\n- two",
        "labels": ["a", "b"],
        "documents": [{"name": "x", "text": "abc"}],
    }
    found = dict(zip(COUNTS, counts(request).tolist(), strict=True))
    assert found["starts with a question word"] == 1
    assert np.isclose(found["question marks (log)"], np.log1p(1))
    assert np.isclose(found["numbers (log)"], np.log1p(2))
    assert np.isclose(found["listed points (log)"], np.log1p(2))
    assert np.isclose(found["labels (log)"], np.log1p(2))
    assert np.isclose(found["characters of documents (log)"], np.log1p(3))


def test_a_long_text_is_read_by_its_ends() -> None:
    text = "begin " + "x" * 5000 + " end"
    seen = head_text({"text": text})
    assert len(seen) == WINDOW_CHARS + 1
    assert seen.startswith("begin ")
    assert seen.endswith(" end")


def test_a_short_text_stays_as_it_is_so_that_its_vector_is_found_again() -> None:
    assert head_text({"text": " Short? "}) == " Short? "


def test_a_request_without_a_text_is_read_by_its_document() -> None:
    request: Request = {"text": " ", "documents": [{"name": "d", "text": "Pay 3 euros."}]}
    assert head_text(request) == "Pay 3 euros."


def test_labels_and_documents_are_told_from_the_text() -> None:
    def buckets(request: Request) -> set[int]:
        return set(hashed(request)[0].tolist())

    bare = buckets({"text": "fine"})
    labels = buckets({"text": "fine", "labels": ["positive"]})
    documents = buckets({"text": "fine", "documents": [{"name": "d", "text": "positive"}]})
    assert bare < labels
    assert bare < documents
    assert labels != documents
