"""The team's rows: requests whose right output is known, each text once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.loop.calibrate_signals import KnownRow, is_right, read_known
from tandem.loop.labelled import drawn, read_labelled
from tandem.nodes.extract import Extract
from tandem.nodes.labels import LabelTask
from tandem.nodes.task import Task
from tandem.quality.calibration.examples import same_key
from tandem.records import Request

LEAST: Final = 20
"""With fewer rows to judge by nothing can be told that anybody would want to know."""
LEARN: Final = 0.5
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
    """

    task: str
    labels: tuple[str, ...]
    learn: tuple[KnownRow, ...]
    judge: tuple[KnownRow, ...]
    repeats: int = 0

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


def _request(task: str, text: str, labels: tuple[str, ...]) -> Request:
    return {"text": text, "task": task, "labels": list(labels)}


def _key(row: KnownRow) -> str:
    documents = [document.get("text", "") for document in row.request.get("documents", [])]
    return same_key("\0".join([row.request["text"], *documents]))


def _refuse_few(judge: int, once: int, path: Path) -> None:
    if judge >= LEAST:
        return
    least = LEAST if judge == once else round(LEAST / (1 - LEARN)) + 10
    raise InvalidRequest(
        f"{path} holds {once} different texts, {judge} of them to judge by: too few to tell "
        "candidates apart. Nothing was asked.",
        f"Give at least {least}; some hundred let a promise be made.",
    )
