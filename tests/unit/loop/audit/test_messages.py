"""What a prompt holds beside the user's last words, and that all of it is searched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.graphs.tasks import Tasks
from tandem.loop.audit.audit import Auditor
from tandem.loop.audit.draft import bounded
from tandem.loop.audit.messages import chat_of
from tandem.loop.audit.pricing import Priced
from tandem.loop.audit.profiling import Profiler
from tests.unit.loop.audit.logs import OPTIONS, chat, read, row, written
from tests.unit.loop.audit.services import AuditServices

PERSONAL = (
    "IBAN DE89 3704 0044 0532 0130 00",
    "write to rosalind@example.com",
    "call +49 30 901820 today",
)
LAST = {"role": "user", "content": "And what is the review like?"}


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def _in_each_place(text: str) -> list[list[Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": text}}
    result = {
        "type": "tool_result",
        "tool_use_id": "c1",
        "content": [{"type": "text", "text": text}],
    }
    return [
        [_said("user", text), _said("assistant", "Yes."), LAST],
        [_said("assistant", text), LAST],
        [_said("system", f"Context: {text}"), LAST],
        [_said("user", "Look."), _said("tool", text), LAST],
        [{"role": "assistant", "content": None, "tool_calls": [call]}, LAST],
        [{"role": "user", "content": [result]}, LAST],
        [{"type": "function_call_output", "call_id": "c1", "output": text}, LAST],
        [{"type": "function_call", "name": "find", "arguments": {"who": text}}, LAST],
        [_said("user", f"{'So it went. ' * 450}{text}{' And so on.' * 450}")],
    ]


@pytest.mark.parametrize("text", PERSONAL)
@pytest.mark.parametrize("place", range(9))
def test_every_part_of_a_prompt_is_searched(tmp_path: Path, text: str, place: int) -> None:
    services = AuditServices(tmp_path)
    record = chat("") | {"request": {"model": "gpt-4o", "messages": _in_each_place(text)[place]}}
    (found,), _ = read(written(tmp_path / "log.jsonl", [record]))
    seen = Profiler(services, Tasks(services)).see(found, Priced(None, "listed"), embed=False)
    assert (seen.sensitivity, found.unread) == ("personal", 0)


def test_a_prompt_without_any_of_it_is_none(tmp_path: Path) -> None:
    services = AuditServices(tmp_path)
    for messages in _in_each_place("nothing of note"):
        record = chat("") | {"request": {"model": "gpt-4o", "messages": messages}}
        (found,), _ = read(written(tmp_path / "log.jsonl", [record]))
        seen = Profiler(services, Tasks(services)).see(found, Priced(None, "listed"), embed=False)
        assert seen.sensitivity == "none"


def test_the_users_last_words_stay_the_text() -> None:
    for messages in _in_each_place("nothing of note")[:-1]:
        assert chat_of(messages).text == LAST["content"]
    tool_last = [LAST, {"role": "user", "content": [{"type": "tool_result", "content": "x"}]}]
    assert chat_of([LAST, {"role": "user", "content": None}]).text == LAST["content"]
    assert chat_of(tool_last).chars == len(LAST["content"]) + 1


def test_what_stands_beside_the_messages_is_searched_and_files_are_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    asked = {"messages": [{"role": "user", "content": [picture]}, LAST], "context": "found there",
             "tools": [{"description": "a tool"}]}  # fmt: skip
    told = chat_of(asked)
    assert told.others == ("found there",)
    assert told.chars == len(LAST["content"])


def test_what_is_not_searched_is_counted_and_told(tmp_path: Path) -> None:
    options = replace(OPTIONS, looked_chars=1000)
    long = [chat(f"a review {at} {'word ' * 300}", "Judge it.") for at in range(10)]
    short = [chat(f"a review {at}", "Judge it.") for at in range(30)]
    rows, _ = read(written(tmp_path / "log.jsonl", [*long, *short]), options)
    assert [each.unread > 0 for each in rows] == [True] * 10 + [False] * 30
    services = AuditServices(tmp_path)
    auditor = Auditor(services, Tasks(services), options)
    (line,) = auditor.judge(auditor.look(rows), [])["workloads"]
    assert line["sensitive"]["value"] == 0.0
    assert line["sensitive"]["high"] > 10 / 40
    assert any(each.startswith("whether 10 of the 40 rows") for each in line["unknown"])


def test_what_is_kept_is_bounded() -> None:
    kept, unread = bounded(["a" * 50, "b" * 500, "c" * 500, "d"], 300)
    assert (kept[0], kept[2:], unread) == ("a" * 50, ["", ""], 751)
    assert len(kept[1]) < 300
    assert sum(map(len, bounded(["x" * 10**6] * 3, 1000)[0])) < 1100


def test_a_row_keeps_all_that_was_said_packed(tmp_path: Path) -> None:
    texts = [_said("user", "first"), _said("assistant", "quince"), LAST]
    record = chat("") | {"request": {"model": "gpt-4o", "messages": texts}}
    (found,), _ = read(written(tmp_path / "log.jsonl", [record]))
    assert found.texts == [LAST["content"], "", "quince", "first"]
    assert "quince" not in repr(found)
    assert row(text="a", system="b").texts == ["a", "b"]


@pytest.mark.parametrize("name", ["data", "url", "status", "id", "model", "file_data", "detail"])
def test_a_text_beside_the_question_is_searched_whatever_its_name(name: str) -> None:
    text = "Jane Doe, jane.doe@example.org"
    assert text in chat_of({"question": "Summarise the record.", name: text}).others
    turn = {"role": "tool", "content": [{"type": "json", name: text}]}
    assert text in chat_of([turn, {"role": "user", "content": "Go on."}]).others


def test_files_and_marks_are_not_searched() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "document", "source": {"type": "base64", "data": "QUJD" * 30}},
    ]
    turns = [{"role": "tool", "id": "msg_1", "content": parts}, {"role": "user", "content": "Go."}]
    assert chat_of(turns).others == ()
