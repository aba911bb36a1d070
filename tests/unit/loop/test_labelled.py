"""Reading labelled rows, and dealing them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest
from tandem.loop.labelled import LabelledRows, read_labelled, split


def written(path: Path, *rows: Any) -> Path:
    file = path / "rows.jsonl"
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return file


def test_rows_of_several_forms(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        {"text": "one", "label": "a"},
        {"input": "two", "expected": "b"},
        "",
        {"text": "three", "output": {"label": "b"}},
    )
    rows = read_labelled(file)
    assert (list(rows.texts), rows.names) == (["one", "two", "three"], ("b", "a"))
    assert rows.labels.tolist() == [1, 0, 0]
    assert read_labelled(file, ["b", "c", "a"]).labels.tolist() == [2, 0, 0]


@pytest.mark.parametrize(
    ("rows", "names", "said"),
    [
        ((), (), "no rows"),
        (("{",), (), ":1: no JSON"),
        (("[1]",), (), ":1: not a JSON object"),
        (({"text": "QUINCE"},), (), "no `label`"),
        (({"text": " ", "label": "a"},), (), "no `text`"),
        (({"text": "QUINCE", "label": 3},), (), "no `label`"),
        (
            ({"text": "x", "label": "a"}, {"text": "QUINCE", "label": "QUINCE"}),
            ("a", "b"),
            ":2: the label is not one of --labels",
        ),
        (({"text": "x", "label": "a"}, {"text": "y", "label": "a"}), (), "the same label"),
        (({"text": "x", "label": "a"},), ("a", "a"), "A label is given twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_without_its_text(
    tmp_path: Path, rows: Any, names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_labelled(written(tmp_path, *rows), names)
    assert said in str(caught.value)
    assert "QUINCE" not in str(caught.value)


def test_repeated_texts_and_contradicting_labels_are_told(tmp_path: Path) -> None:
    rows: list[Any] = [{"text": "QUINCE", "label": label} for label in "aab"]
    assert read_labelled(written(tmp_path, "", *rows)).repeats() == (
        "3 rows hold 1 different text; the labels contradict each other in lines 2, 4"
    )
    rows += [{"text": text, "label": label} for text in "cd" for label in "ba"]
    assert read_labelled(written(tmp_path, "", *rows)).repeats() == (
        "7 rows hold 3 different texts; the labels contradict each other in 3 texts, first in "
        "lines 2, 4"
    )
    rows = [{"text": text, "label": text} for text in "aab"]
    assert read_labelled(written(tmp_path, *rows)).repeats() == "3 rows hold 2 different texts"
    assert read_labelled(written(tmp_path, *rows[1:])).repeats() == ""


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"There is no file .*none\.jsonl"):
        read_labelled(tmp_path / "none.jsonl")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=60), st.integers(0, 3))
def test_parts_are_disjoint_whole_and_keep_equal_texts_together(
    texts: list[str], seed: int
) -> None:
    texts += [text.upper() for text in texts if text.upper().casefold() == text.casefold()]
    rows = LabelledRows(texts, np.zeros(len(texts), dtype=np.int64), ("a", "b"))
    parts = split(rows, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(texts)))
    keys = [{" ".join(texts[row].casefold().split()) for row in part} for part in parts]
    assert not keys[0] & keys[1]
    assert not keys[1] & keys[2]
    assert not keys[0] & keys[2]


def test_a_seed_deals_anew_and_shares_are_as_stated() -> None:
    texts = [f"row {number}" for number in range(2000)]
    rows = LabelledRows(texts, np.zeros(2000, dtype=np.int64), ("a", "b"))
    first, second = split(rows, 0), split(rows, 1)
    assert [round(len(part) / 2000, 1) for part in first] == [0.6, 0.2, 0.2]
    assert first.test.tolist() != second.test.tolist()
    assert split(rows, 0).test.tolist() == first.test.tolist()
