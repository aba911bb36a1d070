"""The files of `tandem run`: requests in, answers out, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from tandem.errors import InvalidRequest
from tandem.records import Answer, ErrorInfo
from tandem.row_files import lines_of

Row = dict[str, Any]
KEPT: Final = (
    "run_id",
    "status",
    "output",
    "draft",
    "task",
    "tier",
    "model",
    "cost",
    "all_llm_cost",
    "all_llm_estimated",
    "seconds",
    "steps",
    "reasons",
)
"""What of an Answer goes into the output, beside `approvals` where it waits; attempts and profile
stand in the ledger."""


WAITING: Final = "waiting"


def told(answer: Answer) -> Row:
    """What of an answer goes into the output."""
    row: Row = {key: answer[key] for key in KEPT}
    if approvals := answer.get("approvals"):
        row["approvals"] = approvals
    return row


def read_rows(path: Path) -> list[Row]:
    """The rows of a file. Raises InvalidRequest naming the line: no JSON, no id, an id twice."""
    rows: list[Row] = []
    seen: set[str] = set()
    for number, line in enumerate(lines_of(path), start=1):
        if not line.strip():
            continue
        row = _parsed(path, number, line)
        if row["id"] in seen:
            raise _bad(path, number, f"the id {row['id']!r} stands there twice")
        seen.add(row["id"])
        rows.append(row)
    if not rows:
        raise InvalidRequest(f"{path} holds no rows.", "Give one JSON object a line.")
    return rows


def _parsed(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise _bad(path, number, f"no JSON ({error.msg})") from None
    except RecursionError:
        raise _bad(path, number, "nested too deeply") from None
    if not isinstance(row, dict):
        raise _bad(path, number, "not a JSON object")
    if not isinstance(row.get("id"), str) or not row["id"]:
        raise _bad(path, number, "no `id` (a text)")
    return row


def _bad(path: Path, number: int, what: str) -> InvalidRequest:
    return InvalidRequest(f"{path}:{number}: {what}.", "Correct the line; nothing was run.")


class Output:
    """The answers file: finished rows are kept; rows that an error ended are dropped and tried
    again, and so is a last line that a stopped run cut short.

    Parameters
    ----------
    settled: what has become since of a row that waited for a person: the row as it is now, None
        where it still waits.
    """

    def __init__(
        self, path: Path, fresh: bool = False, settled: Callable[[Row], Row | None] | None = None
    ) -> None:
        self.path: Final = path
        self.done: Final[set[str]] = set()
        self.waiting: Final[set[str]] = set()
        """Rows whose runs wait for a person; they are not asked again."""
        self._settled: Final = settled
        kept = [] if fresh or not path.exists() else self._finished()
        self._rewrite(kept)
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def write(self, row_id: str, answer: Answer | None, error: ErrorInfo | None) -> None:
        """Append one row, whole, at once. Raises InvalidRequest where it cannot be written."""
        row = told(answer) if answer else {"status": "failed"}
        line = json.dumps({"id": row_id, **row, "error": error}, ensure_ascii=False)
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as failure:
            raise self._unwritable(failure) from None
        if error is None:
            self.done.add(row_id)
        if row["status"] == WAITING:
            self.waiting.add(row_id)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _finished(self) -> list[str]:
        kept, lines = [], lines_of(self.path)
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                row_id, error = str(row["id"]), row["error"]
            except (ValueError, KeyError, TypeError, RecursionError):
                # Only the last line may be one that a stopped run cut short.
                if line.strip() and number < len(lines):
                    raise self._foreign(number) from None
                continue
            if error is None and row_id not in self.done:
                kept += self._kept(row_id, row, line)
        return kept

    def _kept(self, row_id: str, row: Row, line: str) -> list[str]:
        """The line of a finished row, as it is now; none where it is to be tried again."""
        if row.get("status") == WAITING:
            now = self._settled(row) if self._settled else None
            if now is None:
                self.waiting.add(row_id)
            elif now["error"] is not None:
                return []
            else:
                line = json.dumps({"id": row_id, **now}, ensure_ascii=False)
        self.done.add(row_id)
        return [line]

    def _foreign(self, number: int) -> InvalidRequest:
        return InvalidRequest(
            f"{self.path}:{number} is no answer of `tandem run`, so the file was left as it is.",
            "Choose another file, or overwrite this one with --fresh.",
        )

    def _unwritable(self, error: OSError) -> InvalidRequest:
        return InvalidRequest(
            f"{self.path} cannot be written: {error.strerror}.",
            "Make room, or choose another file.",
        )

    def _rewrite(self, lines: list[str]) -> None:
        new = self.path.with_suffix(self.path.suffix + ".new")
        try:
            new.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            new.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from None
