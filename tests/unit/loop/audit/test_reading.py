from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import InvalidRequest
from tandem.loop.audit.counts import Counts
from tandem.loop.audit.draft import prompt_hash
from tandem.loop.audit.opening import json_array, json_lines
from tandem.loop.audit.times import Clock
from tests.unit.loop.audit.logs import OPTIONS, SECRET, START, chat, mapped, read, written

LANGSMITH: dict[str, Any] = {
    "id": "1",
    "run_type": "llm",
    "start_time": "2026-11-02T08:00:00",
    "end_time": "2026-11-02T08:00:02.500",
    "inputs": {
        "messages": [
            [
                {
                    "lc": 1,
                    "type": "constructor",
                    "id": ["langchain", "schema", "messages", "SystemMessage"],
                    "kwargs": {"content": "Be brief."},
                },
                {"type": "human", "data": {"content": "Hello there"}},
            ]
        ]
    },
    "outputs": {"generations": [[{"text": "Hi"}]]},
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "total_cost": 0.002,
    "extra": {"metadata": {"ls_model_name": "gpt-4o", "ls_provider": "openai"}},
}
LANGFUSE: dict[str, Any] = {
    "id": "1",
    "type": "GENERATION",
    "startTime": "2026-11-02T08:00:00Z",
    "endTime": "2026-11-02T08:00:02.500Z",
    "model": "gpt-4o",
    "input": json.dumps(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}]
    ),
    "output": {"role": "assistant", "content": "Hi"},
    "usageDetails": {"input": 12, "output": 3},
    "calculatedTotalCost": 0.002,
}
LITELLM: dict[str, Any] = {
    "request_id": "1",
    "call_type": "acompletion",
    "spend": 0.002,
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "startTime": "2026-11-02 08:00:00 UTC",
    "endTime": "2026-11-02 08:00:02.500 UTC",
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello there"},
    ],
    "response": {"choices": [{"message": {"content": "Hi"}}]},
}


@pytest.mark.parametrize("record", [LANGSMITH, LANGFUSE, LITELLM], ids=lambda each: str(len(each)))
def test_exports_of_each_kind_say_the_same(tmp_path: Path, record: dict[str, Any]) -> None:
    (row,), _ = read(written(tmp_path / "log.jsonl", [record]))
    assert (row.when, row.seconds) == (START, 2.5)
    assert (row.text, row.system, row.prompt) == (
        "Hello there",
        "Be brief.",
        prompt_hash("Be brief."),
    )
    assert (row.input_tokens, row.output_tokens, row.estimated) == (12, 3, False)
    assert (row.model, row.cost, row.currency, row.error) == ("gpt-4o", 0.002, "USD", False)


def test_what_is_no_model_call_is_counted_apart(tmp_path: Path) -> None:
    chain = {**LANGSMITH, "run_type": "chain"}
    rows, logs = read(written(tmp_path / "log.jsonl", [chain, LANGSMITH, chain]))
    assert (len(rows), logs.counts[0].other_records) == (1, 2)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [False, True])
def test_runs_also_come_in_one_array(tmp_path: Path, wrap: bool, indent: int | None) -> None:
    runs = [LANGSMITH] * 300
    path = tmp_path / "runs.json"
    path.write_text(json.dumps({"runs": runs} if wrap else runs, indent=indent))
    rows, logs = read(path)
    assert (len(rows), logs.counts[0].format) == (300, "langsmith")


def test_openai_requests_with_responses(tmp_path: Path) -> None:
    wrapped = {
        "created_at": START.timestamp(),
        "request": {"body": {"model": "gpt-4o", "input": "Hello", "instructions": "Be brief."}},
        "response": {"status_code": 500, "body": {"output": [{"content": [{"text": "Hi"}]}]}},
    }
    first, second = read(written(tmp_path / "log.jsonl", [chat("Hello", "Be brief."), wrapped]))[0]
    assert (first.text, first.system, first.model) == ("Hello", "Be brief.", "gpt-4o-2024-08-06")
    assert (second.text, second.system, second.when) == ("Hello", "Be brief.", START)
    assert second.error
    assert (second.input_tokens, second.output_tokens, second.estimated) == (4, 1, True)


def test_a_csv_file_with_a_column_map(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    text = 'sent;Frage;usd;ms\n2026-11-02 09:00+01:00;"one\ntwo";"$1,000.5";250\n'
    path.write_bytes(gzip.compress(text.encode("utf-8-sig")))
    options = mapped(when="sent", text="Frage", cost="usd", milliseconds="ms")
    (row,), _ = read(path, options)
    assert (row.when, row.text, row.cost, row.seconds) == (START, "one\ntwo", 1000.5, 0.25)


def test_a_map_reaches_into_objects(tmp_path: Path) -> None:
    path = written(tmp_path / "log.jsonl", [{"a": {"b": "Hello"}, "who": "gpt-4o"}, {"a": {}}])
    rows, logs = read(path, mapped(text="a.b", model="who"))
    assert [(row.text, row.model) for row in rows] == [("Hello", "gpt-4o")]
    (skipped,) = logs.counts[0].told()["skipped"]
    assert skipped == {"reason": "field `a.b` is missing", "count": 1, "lines": [2]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"PAR1\0\0\1", "is binary"),
        ("t\u00e4xt,cost\n".encode("utf-16"), "is binary"),
        (b"\x1f\x8bnot gzip at all", "cannot be read"),
        (gzip.compress(b"text\nhello\n" * 50, mtime=0)[:-12], "cannot be read"),
        (b'{"foo": "QUINCE"}\n', "line 1: field `text` is missing"),
        (b'{"run_type": "llm", "id": "QUINCE"}\n', "line 1: field `inputs` is missing"),
        (b'{"run_type": "chain"}\n', "no model calls"),
        (b"foo,bar\nQUINCE,2\n", "line 2: field `text` is missing"),
        (b'{"text": "QUINCE", "cost": "cheap"}\n', "line 1: field `cost` is no number"),
        (b'{"text": "QUINCE", "when": "yesterday"}\n', "line 1: field `when` is no time"),
        (b'{"text": "QUINCE", "currency": "gold"}\n', "line 1: field `currency`"),
        (b'{"text": "QUI', "line 1: no JSON"),
        (b"[1, 2]", "line 1: is no object"),
        (b"text\n", "it has no row"),
    ],
)
def test_a_log_of_another_shape_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(InvalidRequest) as refused:
        read(path)
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


def test_bad_rows_amid_good_ones_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    good = json.dumps(chat("Hello"))
    path.write_bytes(f"{good}\nno json\n\n{good}\n".encode() + b'{"text": "\xff"}\n[]\n')
    rows, logs = read(path)
    assert len(rows) == 2
    assert {each["reason"]: each["lines"] for each in logs.counts[0].told()["skipped"]} == {
        "no JSON": [2],
        "not in UTF-8": [5],
        "is no object with fields": [6],
    }


def test_a_line_without_end_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    good = json.dumps(chat("Hello"))
    path.write_text(f"{good}\n{'x' * 100_000}\n{good}\n{'[' * 50_000}")
    rows, logs = read(path, replace(OPTIONS, line_bytes=10_000))
    assert len(rows) == 2
    assert [each["lines"] for each in logs.counts[0].told()["skipped"]] == [[2, 4]]


def test_deep_nesting_ends_no_audit(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{json.dumps(chat('Hello'))}\n{'[' * 50_000}\n")
    rows, logs = read(path)
    assert (len(rows), logs.counts[0].skipped["no JSON"]) == (1, 1)


@settings(max_examples=25)
@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=20),
    st.integers(0, 3),
)
def test_an_array_reads_as_its_lines_do(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, Any]], indent: int
) -> None:
    folder = tmp_path_factory.mktemp("array")
    (folder / "array").write_text(json.dumps(values, indent=indent, ensure_ascii=False), "utf-8")
    written(folder / "lines", values)
    in_array = [each.value for each in json_array(folder / "array", 10_000, Counts(""))]
    assert in_array == values
    assert [each.value for each in json_lines(folder / "lines", 10_000, Counts(""))] == values


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_times_of_any_zone_become_utc(naive: datetime, minutes: int) -> None:
    aware = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert Clock().read(aware.isoformat(), "here") == aware
    read_back = Clock().read(aware.timestamp() * 1000, "here")
    assert read_back is not None
    assert abs(read_back - aware) < timedelta(milliseconds=2)


def test_mixed_times_need_a_time_zone(tmp_path: Path) -> None:
    records = [
        {"text": "a", "when": "2026-11-02T08:00Z"},
        {"text": "b", "when": "2026-11-02T09:00"},
    ]
    path = written(tmp_path / "log.jsonl", records)
    with pytest.raises(InvalidRequest, match="line 2: some timestamps name a time zone"):
        read(path)
    berlin = replace(OPTIONS, timezone=ZoneInfo("Europe/Berlin"))
    rows, logs = read(path, berlin)
    assert [row.when for row in rows] == [START, START]
    assert logs.clock.told == ""
    alone, own = read(written(tmp_path / "naive.jsonl", records[1:]))
    assert alone[0].when == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert own.clock.told == "Timestamps name no time zone and are taken as UTC."


def test_a_template_is_one_prompt_whatever_its_numbers() -> None:
    assert prompt_hash("Today is 2026-11-02.\n") == prompt_hash("Today is  2025-01-30.")
    assert prompt_hash("Be brief.") != prompt_hash("Be long.")
    assert prompt_hash(" \n") == ""


def test_a_text_in_the_place_of_a_name_reaches_no_report(tmp_path: Path) -> None:
    record = {"text": "a", "model": f"tell {SECRET} a joke", "task": "x" * 500, "provider": ["a"]}
    (row,), _ = read(written(tmp_path / "log.jsonl", [record]))
    assert (row.model, row.task, row.provider) == ("", "", "")


def test_an_unknown_field_of_the_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="knows no field 'txt'"):
        read(written(tmp_path / "log.jsonl", [chat("a")]), mapped(txt="a"))
