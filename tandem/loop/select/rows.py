"""The team's rows: requests whose right output is known, each text once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.loop.calibrate_signals import KnownRow, is_right, read_known, text_of
from tandem.loop.labelled import TEACHING, drawn, read_labelled
from tandem.loop.seen import Seen
from tandem.nodes.extract import Extract
from tandem.nodes.labels import LabelTask
from tandem.nodes.task import Task
from tandem.quality.calibration.examples import same_key
from tandem.records import Request

LEAST: Final = 20
"""With fewer rows to judge by nothing can be told that anybody would want to know."""
LEARN: Final = TEACHING
"""Share of the rows that a head learns from, where one is among the candidates."""


@dataclass(frozen=True)
class Rows:
    """Rows of one task.

    Parameters
    ----------
    labels: the label set; empty for a task without labels.
    learn: what a head may learn from; no candidate is judged by it.
    judge: what all candidates are judged by.
    repeats: rows left out because an earlier one has the same text.
    learnt: rows that judge nobody because the adapter among the candidates learnt from them.
    """

    task: str
    labels: tuple[str, ...]
    learn: tuple[KnownRow, ...]
    judge: tuple[KnownRow, ...]
    repeats: int = 0
    learnt: int = 0

    def right(self, output: Any, row: KnownRow) -> bool:
        """Whether an output is right."""
        if self.labels:
            return isinstance(output, dict) and output.get("label") == row.expected
        return output is not None and is_right(self.task, output, row)


def read_rows(
    path: Path, task: Task, names: Sequence[str] = (), *, head: bool = True, seed: int = 0
) -> Rows:
    """The rows of a JSON Lines file.

    Parameters
    ----------
    names: the label set; empty: the labels of the file. head: whether a part is for learning.

    Raises
    ------
    InvalidRequest: the file cannot be read, a line is no row, a label is not of the set, there are
        too few rows, or the task is neither of labels nor an extraction.
    """
    labels: tuple[str, ...] = ()
    if isinstance(task, LabelTask):
        read = read_labelled(path, names)
        labels = read.names
        known = [
            KnownRow(_request(task.name, text, labels), labels[at])
            for text, at in zip(read.texts, read.labels.tolist(), strict=True)
        ]
    elif isinstance(task, Extract):
        known = read_known(path, task.name)
    else:
        raise InvalidRequest(
            f"{task.name} has no outputs that could be counted as right or wrong.",
            "Select for a task that ends in a label, or for extraction.",
        )
    once = list({_key(row): row for row in reversed(known)}.values())[::-1]
    share = LEARN if head and labels else 0.0
    learn = [row for row in once if drawn(row.request["text"], seed) < share]
    judge = [row for row in once if drawn(row.request["text"], seed) >= share]
    _refuse_few(len(judge), len(once), path)
    return Rows(task.name, labels, tuple(learn), tuple(judge), len(known) - len(once))


def unseen(rows: Rows, seen: Seen) -> Rows:
    """`rows`, less those to judge by that an adapter learnt from. A head may still learn from them.

    Raises InvalidRequest where too few are left.
    """
    known = [row for row in rows.judge if seen.has_learnt(text_of(row))]
    if not known:
        return rows
    judge = tuple(row for row in rows.judge if not seen.has_learnt(text_of(row)))
    if len(judge) < LEAST:
        raise InvalidRequest(
            f"The adapter {seen.name} learnt from {len(known)} of the {len(rows.judge)} rows to "
            "judge by; too few are left to tell candidates apart. Nothing was asked.",
            "Give other rows, or leave the adapter out by --candidates.",
        )
    learn = (*rows.learn, *known) if rows.learn else ()
    return replace(rows, learn=learn, judge=judge, learnt=len(known))


def _request(task: str, text: str, labels: tuple[str, ...]) -> Request:
    return {"text": text, "task": task, "labels": list(labels)}


def _key(row: KnownRow) -> str:
    return same_key(text_of(row))


def _refuse_few(judge: int, once: int, path: Path) -> None:
    if judge >= LEAST:
        return
    least = LEAST if judge == once else round(LEAST / (1 - LEARN)) + 10
    raise InvalidRequest(
        f"{path} holds {once} different texts, {judge} of them to judge by: too few to tell "
        "candidates apart. Nothing was asked.",
        f"Give at least {least}; some hundred let a promise be made.",
    )
