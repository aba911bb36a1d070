"""Rows become cases; wrong rows and wrong suites are told with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import InvalidRequest, SettingsError
from tandem.evals.case import Case, candidates, case_sum
from tandem.evals.loading import load_cases, shared_out
from tandem.evals.suite import load_suite, names

SUITE = """
[suite]
name = "tickets"
task = "document_classification"
data = "tickets.jsonl"
primary = "label_match"
[request]
labels = ["billing", "delivery"]
[evaluators.label_match]
"""
ROW = {"id": "a", "input": "Where is it?", "expected": "delivery"}


def suite(folder: Path, *rows: Any, toml: str = SUITE) -> str:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "tickets.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "tickets.toml").write_text(toml, encoding="utf-8")
    return str(folder / "tickets.toml")


def test_ten_lines_of_toml_make_a_suite(tmp_path: Path) -> None:
    loaded = load_cases(suite(tmp_path, ROW))
    assert loaded.cases == [
        Case(
            id="a",
            suite="tickets",
            task="document_classification",
            request={
                "text": "Where is it?",
                "labels": ["billing", "delivery"],
                "task": "document_classification",
            },
            files=[],
            expected="delivery",
            tags=[],
        )
    ]
    assert loaded.notices == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "holds no rows"),
        ([ROW, "{"], r"tickets\.jsonl:2: no JSON"),
        ([ROW, "[1]"], r"tickets\.jsonl:2: not a JSON object"),
        ([ROW, {"id": "b", "input": "x"}], r"tickets\.jsonl:2: the field 'expected' is missing"),
        ([{**ROW, "id": 7}], r"tickets\.jsonl:1: the field 'id' holds no text"),
        ([{**ROW, "input": ""}], r"tickets\.jsonl:1: the field 'input' holds no text"),
        ([ROW, "", ROW], r"tickets\.jsonl:3: the id 'a' already stands in line 1"),
        ([{**ROW, "expected": "love"}], r"tickets\.jsonl:1: the expected label 'love' is none of"),
        ([{**ROW, "files": "x.pdf"}], r"tickets\.jsonl:1: the field 'files' is no list"),
    ],
)
def test_a_wrong_row_is_told_with_file_and_line(tmp_path: Path, rows: list[Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        load_cases(suite(tmp_path, *rows))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('primary = "label_match"', 'primary = "nothing"', "none of the suite's"),
        ("[evaluators.label_match]", "[evaluators.label_mach]", "none of the suite's"),
        ("[request]", "colour = 1\n[request]", "colour: Extra inputs"),
        ('task = "document_classification"', "", "needs `task`"),
        ('"document_classification"', '"sentimant"', r"unknown task 'sentimant'.*tool_use"),
        ("labels = ", "lables = ", r"no field 'lables'.*labels"),
        ("[suite]", "[suite", "cannot be read"),
    ],
)
def test_a_wrong_suite_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_suite(suite(tmp_path, ROW, toml=SUITE.replace(old, new)))


def test_an_unknown_suite_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="banking77_10"):
        load_suite("nothing")


@pytest.mark.parametrize("name", names())
def test_every_suite_that_ships_loads(name: str) -> None:
    loaded = load_cases(name)
    keys = [(case["suite"], case["id"]) for case in loaded.cases]
    assert len(set(keys)) == len(keys)
    assert keys or "may not be redistributed" in loaded.notices[0]


def test_the_first_rows_are_a_sample_of_more(tmp_path: Path) -> None:
    path = suite(tmp_path, *({**ROW, "id": f"r{number}"} for number in range(30)))
    ten, twenty = load_cases(path, n=10).cases, load_cases(path, n=20).cases
    assert twenty[:10] == ten
    assert [case["id"] for case in ten] != [f"r{number}" for number in range(10)]


def test_a_full_set_replaces_the_suites_rows(tmp_path: Path) -> None:
    path, folder = suite(tmp_path, ROW), tmp_path / "full"
    folder.mkdir()
    (folder / "big.jsonl").write_text(json.dumps({**ROW, "id": "b"}), encoding="utf-8")
    assert [case["id"] for case in load_cases(path, folder / "big.jsonl").cases] == ["b"]
    with pytest.raises(InvalidRequest, match="does not exist"):
        load_cases(path, tmp_path / "absent")


def test_a_set_that_may_not_be_redistributed_says_what_it_skips(tmp_path: Path) -> None:
    loaded = load_cases("sroie")
    assert loaded.cases == []
    assert "skipped" in loaded.notices[0]


def test_rows_that_the_examples_show_are_left_out(tmp_path: Path) -> None:
    toml = SUITE.replace(
        "[evaluators", 'examples = [{text = "Seen", output = "billing"}]\n[evaluators'
    )
    loaded = load_cases(suite(tmp_path, ROW, {**ROW, "id": "b", "input": "Seen"}, toml=toml))
    assert [case["id"] for case in loaded.cases] == ["a"]
    assert "1 rows left out" in loaded.notices[0]


def test_rows_without_their_files_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "here.pdf").touch()
    rows = [{**ROW, "files": ["here.pdf"]}, {**ROW, "id": "b", "files": ["gone.pdf"]}]
    loaded = load_cases(suite(tmp_path, *rows))
    assert [case["id"] for case in loaded.cases] == ["a"]
    assert "b" in loaded.notices[0]


def test_other_fields_are_mapped(tmp_path: Path) -> None:
    toml = (
        SUITE + '[fields]\ntext = "mail"\nexpected = ["team"]\n[fields.request]\ntenant = "firm"\n'
    )
    toml = toml.replace('[request]\nlabels = ["billing", "delivery"]\n', "")
    row = {"id": "a", "mail": "Hi", "team": "x", "firm": "acme"}
    case = load_cases(suite(tmp_path, row, toml=toml)).cases[0]
    assert case["request"].get("tenant") == "acme"
    assert case["expected"] == {"team": "x"}


@given(st.text(min_size=1), st.integers(2, 12))
def test_candidates_hold_the_right_label_once(row_id: str, count: int) -> None:
    universe = [f"label {number}" for number in range(12)]
    chosen = candidates(row_id, "label 3", universe, count)
    assert len(chosen) == len(set(chosen)) == count
    assert "label 3" in chosen
    assert chosen == candidates(row_id, "label 3", universe, count)


@given(
    st.integers(0, 200),
    st.lists(st.tuples(st.floats(0.01, 5), st.integers(0, 80)), min_size=1, max_size=6),
)
def test_a_mixture_is_full_where_there_are_rows(n: int, parts: list[tuple[float, int]]) -> None:
    shares = {str(place): share for place, (share, _) in enumerate(parts)}
    most = {str(place): rows for place, (_, rows) in enumerate(parts)}
    counts = shared_out(n, shares, most)
    assert sum(counts.values()) == min(n, sum(most.values()))
    assert all(counts[name] <= most[name] for name in counts)


def test_a_changed_row_has_another_sum(tmp_path: Path) -> None:
    first = load_cases(suite(tmp_path, ROW)).cases[0]
    again = load_cases(suite(tmp_path, ROW)).cases[0]
    other = load_cases(suite(tmp_path, {**ROW, "expected": "billing"})).cases[0]
    assert case_sum(first) == case_sum(again) != case_sum(other)


def test_added_rows_stand_among_the_others() -> None:
    cases = load_cases("handbook_faq").cases
    answerable = [bool(case["expected"]["source"]) for case in cases]
    assert answerable.count(False) == 30
    assert 25 <= sum(answerable[:49]) <= 43  # of 68 in all
