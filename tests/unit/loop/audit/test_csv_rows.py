"""CSV logs with damage in them: what one bad record costs."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.loop.audit import csv_rows
from tandem.loop.audit.counts import Counts
from tandem.loop.audit.csv_rows import csv_records
from tests.unit.loop.audit.logs import OPTIONS, read

MOST = 4_000_000


def records(path: Path, most: int = MOST) -> tuple[list[Any], Any]:
    counts = Counts(path.name)
    return [each.value for each in csv_records(path, most, counts)], counts.told()["skipped"]


def logged(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in ["when,text,cost", *lines]), "utf-8")
    return path


def good(at: int) -> str:
    return f"2026-11-02T08:00Z,question {at},0.5"


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([good(at) for at in range(5000)], id="to the end"),
        pytest.param(
            [*(good(at) for at in range(2500)), '2026-11-02T08:00Z,"a, b",0.5',
             *(good(at) for at in range(2499))],
            id="to the next quoted text",
        ),
    ],
)  # fmt: skip
def test_an_unclosed_quotation_mark_costs_its_own_line(tmp_path: Path, after: list[str]) -> None:
    bad = '2026-11-02T08:00Z,"never closed,0.5'
    path = logged(tmp_path / "log.csv", [*(good(at) for at in range(11)), bad, *after])
    found, skipped = records(path)
    assert len(found) == 11 + 5000
    (told,) = skipped
    assert (told["count"], told["lines"]) == (1, [13])
    assert "nothing closes" in told["reason"]


def test_every_line_of_a_bad_record_is_counted(tmp_path: Path) -> None:
    lines = [*(good(at) for at in range(5)), 'x,"one', "two", 'three",0.5,more', good(6)]
    found, skipped = records(logged(tmp_path / "log.csv", lines))
    assert len(found) == 6
    assert sum(told["count"] for told in skipped) == 3
    assert sorted(line for told in skipped for line in told["lines"]) == [7, 8, 9]


def test_a_table_within_a_prompt_is_no_row(tmp_path: Path) -> None:
    table = "name,amount,note\nAda,3,ok\nBea,4,late"
    lines = [*(good(at) for at in range(9)), f'2026-11-02T08:00Z,"{table}",0.5', good(9)]
    found, skipped = records(logged(tmp_path / "log.csv", lines))
    assert (len(found), skipped) == (11, [])
    assert found[9]["text"] == table


def test_a_record_is_bounded_and_what_follows_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_rows, "MOST_LINES", 3)
    lines = ['a,"one\ntwo\nthree",1', good(0), 'a,"one\ntwo\nthree\nfour",1', good(1)]
    found, skipped = records(logged(tmp_path / "log.csv", lines))
    assert [each["text"] for each in found] == ["one\ntwo\nthree", "question 0", "question 1"]
    assert sum(told["count"] for told in skipped) == 4


def test_a_long_prompt_is_read_whole(tmp_path: Path) -> None:
    text = "word " * 60_000
    path = logged(tmp_path / "log.csv", [f'2026-11-02T08:00Z,"{text}",0.5'])
    (row,), logs = read(path)
    assert row.input_tokens == len(text) // 4
    assert logs.counts[0].told()["skipped"] == []


def test_a_line_that_is_left_out_amid_a_record_damages_that_record_only(tmp_path: Path) -> None:
    path = logged(tmp_path / "log.csv", ['a,"one', "x" * 500, 'two",1', good(0)])
    rows, logs = read(path, replace(OPTIONS, line_bytes=200))
    assert [row.text for row in rows] == ["question 0"]
    assert sum(told["count"] for told in logs.counts[0].told()["skipped"]) == 3


def test_careless_quoting_within_a_line_is_read_as_before(tmp_path: Path) -> None:
    found, skipped = records(logged(tmp_path / "log.csv", ['a,"b" c,1', good(0)]))
    assert [each["text"] for each in found] == ["b c", "question 0"]
    assert skipped == []


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=30)


@settings(max_examples=60)
@given(st.lists(st.tuples(_TEXT, _TEXT, _TEXT), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_whatever_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], mark: str
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("when", "text", "cost"), *rows])
    path = tmp_path_factory.mktemp("csv") / "log.csv"
    path.write_text(file.getvalue(), "utf-8", newline="")
    found, skipped = records(path)
    assert [tuple(each.values()) for each in found] == rows
    assert skipped == []


def test_a_table_that_looks_like_the_log_is_a_prompts_text(tmp_path: Path) -> None:
    table = "Which sold best?\n1, chair, 20\n2, table, 35\n3, lamp, 50"
    rows = [[str(at), f"question {at}", "0.02"] for at in range(20)]
    rows[12][1] = table
    told = io.StringIO(newline="")
    csv.writer(told).writerows([["request_id", "prompt", "cost"], *rows])
    path = tmp_path / "log.csv"
    path.write_bytes(told.getvalue().encode())
    found, skipped = records(path)
    assert ([list(each.values()) for each in found], skipped) == (rows, [])


_CELLS = st.text(st.sampled_from('a1,"\n .-:'), max_size=30)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 99).map(str), _CELLS, _CELLS), max_size=15))
def test_a_well_formed_file_is_read_as_csv_reads_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    told = io.StringIO(newline="")
    csv.writer(told).writerows([("id", "prompt", "answer"), *rows])
    path = tmp_path_factory.mktemp("csv") / "log.csv"
    path.write_bytes(told.getvalue().encode())
    found, skipped = records(path)
    expected = list(csv.reader(io.StringIO(told.getvalue(), newline="")))[1:]
    assert ([list(each.values()) for each in found], skipped) == (expected, [])
