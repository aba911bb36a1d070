"""Files of rows that cannot be read are told in plain words, with what to do next."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tandem.errors import InvalidRequest
from tandem.row_files import lines_of, unreadable


def test_lines_are_whole_json_texts(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\ufeffone\u2028still one\ntwo\n", encoding="utf-8")
    assert lines_of(path) == ["one\u2028still one", "two", ""]


def refused(path: Path) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        lines_of(path, "Nothing was trained.")
    return caught.value


def test_what_cannot_be_read_is_told_without_the_systems_words(tmp_path: Path) -> None:
    binary = tmp_path / "rows.xlsx"
    binary.write_bytes(b"ok\xff\xfe")
    told = {
        tmp_path / "nope.jsonl": f"There is no file {tmp_path}/nope.jsonl.",
        binary / "rows.jsonl": f"There is no file {binary}/rows.jsonl.",
        tmp_path: f"{tmp_path} is a folder.",
        binary: f"{binary} is no UTF-8 text (byte 2).",
    }
    for path, what in told.items():
        error = refused(path)
        assert error.what == f"{what} Nothing was trained."
        assert error.remedy
        assert "Errno" not in str(error)


def test_a_path_that_is_not_whole_says_from_where_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(Path("nope.jsonl")).remedy == (
        "Check the path, which counts from the folder you are in."
    )


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), "x is not open to this user."),
        (OSError(errno.EIO, "Input/output error"), "x cannot be read: Input/output error."),
        (EOFError(), "x cannot be read: it is damaged or cut short."),
    ],
)
def test_other_causes(error: Exception, what: str) -> None:
    told = unreadable(Path("x"), error, "Nothing was lost.")
    assert told.what == f"{what} Nothing was lost."
    assert told.remedy
