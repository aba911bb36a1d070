"""What people say of answers: right, wrong, or what would have been right.

Feedback is no uniform sample (people complain more often than they praise), so nothing that is
computed from it may be called a promise; see docs/calibration.md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from typing_extensions import TypedDict

from tandem.errors import InvalidRequest
from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, feedback, runs

_RUNNING: Final = "running"
_OF_LABELS: Final = {"label", "probabilities"}
"""Keys of an output of a task with labels; nobody gives the probabilities back."""


class Feedback(TypedDict):
    """What was said of a run's answer, and whether it could be kept whole."""

    run_id: str
    correct: bool
    value: Any
    """The right output, where it was given and may be kept; else None."""
    value_kept: bool
    """False where a value was given and the ledger keeps no texts of this run."""


def give(ledger: Ledger, run_id: str, correct: bool | None = None, value: Any = None) -> Feedback:
    """Note whether a run's answer was right; a later word on the same run takes the former's place.

    A `value` is the right output; of a task with labels, the label will do. Without `correct` it is
    compared with the answer, which takes a ledger that kept the run's texts (setting ledger.texts).
    The value itself is kept only there as well, since it may hold as much of the request.

    Raises
    ------
    InvalidRequest: no such run, it has not ended, nothing was tried in it, nothing was said, only
        a value where there is nothing to compare it with, or one that is none of its labels.
    LedgerError: the ledger cannot be read or written.
    """
    if correct is None and value is None:
        raise InvalidRequest(
            "Nothing was said of the answer.", "Say whether it was right, or give the right value."
        )
    run = _ended(ledger, run_id)
    _refuse_other_labels(run, value)
    kept = run["request"] is not None
    if correct is None:
        if not kept:
            raise InvalidRequest(
                "The ledger keeps no texts of this run (ledger.texts), so the value could not be "
                "compared with its answer. Nothing was noted.",
                "Say beside the value whether the answer was right (`--correct` or `--wrong`).",
            )
        correct = _same(run["output"], value)
    row = {
        "run_id": run_id,
        "given": time.time(),
        "correct": correct,
        "value": value if kept else None,
    }
    with ledger.writing() as connection:
        connection.execute(delete(feedback).where(feedback.c.run_id == run_id))
        connection.execute(insert(feedback).values(**row))
    return {
        "run_id": run_id,
        "correct": correct,
        "value": row["value"],
        "value_kept": kept or value is None,
    }


def _refuse_other_labels(run: Mapping[str, Any], value: Any) -> None:
    """Refuse a label that the run could not have chosen, which nothing would ever learn from."""
    output, request = run["output"], run["request"]
    told = value.get("label") if isinstance(value, dict) else value
    if not (isinstance(output, dict) and output.keys() == _OF_LABELS and isinstance(told, str)):
        return
    labels = (request or {}).get("labels") or list(output["probabilities"])
    if labels and told not in labels:
        raise InvalidRequest(
            f"The value is none of the {len(labels)} labels that the request offered. Nothing was "
            "noted.",
            "Give one of them, spelt as there; or --wrong alone where none is right.",
        )


def _same(output: Any, value: Any) -> bool:
    """Whether a value that was given is the output, or its label."""
    if isinstance(output, dict) and output.keys() == _OF_LABELS:
        return bool(output["label"] == (value.get("label") if isinstance(value, dict) else value))
    return output is not None and bool(output == value)


def _ended(ledger: Ledger, run_id: str) -> dict[str, Any]:
    """The run with the output that answered it, or else its last draft."""
    query = (
        select(runs.c.status, runs.c.request, attempts.c.id, attempts.c.output)
        .join_from(runs, attempts, attempts.c.run_id == runs.c.id, isouter=True)
        .where(runs.c.id == run_id)
        .order_by(func.coalesce(attempts.c.accepted, False).desc(), attempts.c.position.desc())
    )
    with ledger.reading() as connection:
        found = connection.execute(query).mappings().first()
    if found is None:
        raise InvalidRequest(
            f"The ledger {ledger.where} holds no run of that id.",
            "Take the run_id of an answer (`tandem ask --json`), and the same settings file.",
        )
    if found["status"] == _RUNNING:
        raise InvalidRequest("The run has not ended, so it has no answer yet.", "Try again later.")
    if found["id"] is None:
        raise InvalidRequest(
            "The run ended before any model was asked, so there is nothing to judge.",
            "Give feedback on runs that have an answer or a draft.",
        )
    return dict(found)
