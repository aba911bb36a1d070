from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.knowledge.chunks import Chunk, chunk_page, indexed_text, plain_heading

PAGE = """---
title: "Leave"
layout: page
---

Intro text.

## Annual *leave*

You get thirty days.

### How to [ask](http://x.y/z)

- first tell your lead
- then fill the form

```sh
# not a heading
```

Sick leave
----------

Call your lead.

## Empty
"""


def chunks_of(page: str, words: int = 50) -> list[Chunk]:
    return chunk_page("leave.md", page, "markdown", words)


def test_chunks_carry_the_path_of_their_headings() -> None:
    assert [(chunk["id"], chunk["heading"]) for chunk in chunks_of(PAGE)] == [
        ("leave.md#1", "Leave"),
        ("leave.md#2", "Leave > Annual leave"),
        ("leave.md#3", "Leave > Annual leave > How to ask"),
        ("leave.md#4", "Leave > Sick leave"),
        ("leave.md#5", "Leave"),
    ]


def test_front_matter_is_left_out_and_code_is_no_heading() -> None:
    texts = [chunk["text"] for chunk in chunks_of(PAGE)]
    assert texts[0] == "Intro text."
    assert "# not a heading" in texts[2]
    assert not any("layout" in text for text in texts)


def test_a_heading_with_nothing_below_is_kept_as_text() -> None:
    assert chunks_of(PAGE)[-1]["text"] == "## Empty"
    assert chunks_of("# Alone")[0]["text"] == "# Alone"


@pytest.mark.parametrize(
    ("page", "first"),
    [
        ("# Title\n\n## Sub\ntext", "Title > Sub"),
        ("text without headings", "leave"),
        ("Before.\n\n# Title\n\ntext", "Title"),
        ("---\n\nA rule, no front matter.\n\n---\n\nmore", "leave"),
        ("Title\n=====\n\ntext", "Title"),
        ("- a list\n---\ntext", "leave"),
        ("two\nlines\n---\ntext", "leave"),
        ("####### seven\n#hashtag", "leave"),
        ("~~~\n```\n# code\n~~~\n# Real\nx", "Real"),
    ],
)
def test_headings(page: str, first: str) -> None:
    assert chunks_of(page)[0]["heading"] == first


def test_a_list_item_stays_whole_where_it_fits() -> None:
    items = [f"- item {n} has\n  two lines" for n in range(30)]
    for chunk in chunks_of("\n".join(items), words=25):
        assert chunk["text"].startswith("- item")
        assert chunk["text"].endswith("two lines")


def test_chunks_of_a_section_are_of_about_equal_size() -> None:
    page = "\n\n".join("word " * 10 for _ in range(11))
    sizes = [len(chunk["text"].split()) for chunk in chunks_of(page, words=100)]
    assert sizes == [60, 50]


def test_pages_of_a_pdf_are_not_mixed() -> None:
    chunks = chunk_page("a/my_guide.pdf", "one\n\f\ntwo", "text", 50)
    assert [(c["heading"], c["text"]) for c in chunks] == [
        ("my guide > page 1", "one"),
        ("my guide > page 2", "two"),
    ]


def test_hashes_in_plain_text_are_no_headings() -> None:
    (chunk,) = chunk_page("notes.txt", "# one\ntext", "text", 50)
    assert chunk["text"] == "# one\ntext"


def test_indexed_text_has_the_headings_and_no_link_targets() -> None:
    chunk = chunks_of("# Tools\n\nSee [the guide](https://example.org/long).")[0]
    assert indexed_text(chunk) == "Tools\nSee the guide."


def test_plain_heading() -> None:
    assert plain_heading("**Use** `make` [here](x) {#id}") == "Use make here"


PIECES = st.sampled_from(
    ["# A", "## B b", "### C", "text here.", "- item", "  more", "", "```", "---", "===", "| a |"]
)
PAGES = st.lists(PIECES | st.text(max_size=40), max_size=40).map("\n".join)


@given(PAGES, st.sampled_from(["markdown", "text"]), st.integers(1, 30))
def test_no_text_is_lost_and_offsets_are_right(page: str, kind: str, words: int) -> None:
    chunks = chunk_page("x.md", page, "markdown" if kind == "markdown" else "text", words)
    end = 0
    left_out = []
    for chunk in chunks:
        assert page[chunk["start"] : chunk["end"]] == chunk["text"]
        assert chunk["text"] == chunk["text"].strip() != ""
        assert len(chunk["text"].split()) <= words
        assert chunk["start"] >= end
        left_out.append(page[end : chunk["start"]])
        end = chunk["end"]
    left_out.append(page[end:])
    headings = " ".join(chunk["heading"] for chunk in chunks)
    for line in "\n".join(left_out).splitlines():
        text = plain_heading(re.sub(r"^ {0,3}#+\s*|\s#+\s*$", "", line))
        assert text in headings or re.fullmatch(r"\s*(=+|-+|\f*)\s*", line)


@given(st.text(alphabet="ab \n", min_size=1, max_size=3000))
def test_long_words_are_cut(page: str) -> None:
    assert all(len(chunk["text"]) <= 12 * 5 for chunk in chunk_page("x.txt", page, "text", 5))
