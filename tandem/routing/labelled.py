"""Labelled requests to train the routing head on: from a file, and from the ledger."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import select

from tandem.errors import InvalidRequest
from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, feedback, runs
from tandem.records import Request
from tandem.routing.head import OTHER
from tandem.routing.validation import validate
from tandem.row_files import lines_of
from tandem.settings import Limits

MIN_ROWS: Final = 20
"""Fewer rows of a task teach nothing that held-out rows could confirm."""


class Labelled(NamedTuple):
    """A request and the task that it is."""

    request: Request
    task: str
    group: str
    """Rows of one group are never split between training and held-out rows: phrasings of one
    template, the same text. The text itself where the row names none."""
    slm_failed: bool | None = None
    """Whether the SLM's answer to it was wrong; None where nobody knows."""


class FromLedger(NamedTuple):
    """What the ledger had."""

    rows: list[Labelled]
    runs: int
    """Finished runs, whether their texts were kept or not."""


def read_labelled(path: Path, tasks: Collection[str], limits: Limits) -> list[Labelled]:
    """The rows of a JSON Lines file: each a Request with its `task` (one of `tasks`, or `other`),
    and optionally `group`, `slm_failed` (true or false), `id` and `source`.

    Raises
    ------
    InvalidRequest: it names file and line: no JSON object, a field that is missing or wrong, a
        task that is not known.
    """
    known = {*tasks, OTHER}
    rows = [_labelled(path, number, line, known, limits) for number, line in _lines(path)]
    if not rows:
        raise InvalidRequest(f"{path} holds no rows.", "Give one JSON object a line.")
    return rows


def ledger_rows(ledger: Ledger, tasks: Collection[str]) -> FromLedger:
    """Runs whose caller declared the task and whose request the ledger keeps.

    Only where the setting ledger.texts keeps texts does the ledger have a request at all. The SLM
    failed where feedback says that its answer was wrong, or a gate rejected its first answer; it
    did not where feedback says that its answer was right.
    """
    with ledger.reading() as connection:
        finished = connection.execute(select(runs).where(runs.c.finished.is_not(None))).mappings()
        said = dict(connection.execute(select(feedback.c.run_id, feedback.c.correct)).all())
        rejected = set(
            connection.execute(
                select(attempts.c.run_id).where(
                    attempts.c.tier == "slm",
                    attempts.c.purpose == "answer",
                    attempts.c.accepted.is_(False),
                )
            ).scalars()
        )
        total, rows = 0, []
        for run in finished:
            total += 1
            request = run["request"]
            if isinstance(request, dict) and request.get("task") in tasks:
                failed = True if run["id"] in rejected else None
                if failed is None and run["tier"] == "slm" and run["id"] in said:
                    failed = not said[run["id"]]
                rows.append(_row(request, "", failed))
    return FromLedger(rows, total)


def check_enough(rows: Sequence[Labelled], min_rows: int = MIN_ROWS) -> None:
    """Raises InvalidRequest: no rows; fewer than `min_rows` of a task; one task only."""
    if not rows:
        raise InvalidRequest(
            "There are no labelled requests. Nothing was trained.",
            "Give --data. The ledger has some only of runs whose caller declared the task, and "
            "whose texts were kept ([ledger] texts).",
        )
    counted = Counter(row.task for row in rows)
    few = {task: count for task, count in counted.items() if count < min_rows}
    if few:
        told = ", ".join(f"{task} ({count})" for task, count in sorted(few.items()))
        raise InvalidRequest(
            f"Fewer than {min_rows} labelled requests: {told}. Nothing was trained.",
            "Add rows of these tasks, or leave them out.",
        )
    if len(counted) < 2:
        raise InvalidRequest("All rows are of one task.", "Add rows of others.")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    lines = lines_of(path, "Nothing was trained.")
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _labelled(path: Path, number: int, line: str, known: set[str], limits: Limits) -> Labelled:
    def bad(what: str) -> InvalidRequest:
        return InvalidRequest(f"{path}:{number}: {what}.", "Correct the line; nothing was trained.")

    try:
        raw = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise bad("no JSON") from None
    if not isinstance(raw, dict):
        raise bad("not a JSON object")
    task = raw.get("task")
    if not task:
        raise bad("the field `task` is missing")
    if not isinstance(task, str) or task not in known:
        raise bad(f"the task {task!r:.60} is not known ({', '.join(sorted(known))})")
    failed = raw.pop("slm_failed", None)
    if failed is not None and not isinstance(failed, bool):
        raise bad("`slm_failed` is neither true nor false")
    group = str(raw.pop("group", ""))
    request = {key: value for key, value in raw.items() if key not in ("id", "source")}
    try:
        return _row(validate(request, limits, known), group, failed)
    except InvalidRequest as error:
        raise bad(error.what.rstrip(".")) from None


def _row(request: dict[str, Any] | Request, group: str, failed: bool | None) -> Labelled:
    bare: Any = {key: value for key, value in request.items() if key != "task"}
    return Labelled(bare, str(request["task"]), group or str(request["text"]), failed)
