"""What the ledger holds of where the small model failed, and of what people said of answers.

A run counts where somebody judged it, or where nothing that was tried without the LLM could leave.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, Literal, cast

from sqlalchemy import or_, select

from tandem.ledger.store import Ledger
from tandem.ledger.tables import attempts, feedback, runs
from tandem.records import Request, Sensitivity

By = Literal["people", "llm", "bought", ""]
"""Who gave a label: people, the LLM by an answer that was accepted, the LLM asked for it by an
earlier or this `tandem improve`. Empty: there is none."""
BY_LLM: Final = frozenset({"llm", "bought"})
_CHUNK: Final = 2000
_OF_RUN: Final = ("request", "tenant", "task", "finished", "sensitivity", "may_escalate")


@dataclass(frozen=True)
class Found:
    """A judged or failed run.

    Parameters
    ----------
    request: None where the ledger kept no text.
    moment: when it ended or was last judged, Unix seconds.
    may_escalate: whether the run itself could have gone to the LLM.
    label, by: what is right, and who says so. wrong: a label that people called wrong.
    gates: what its last attempt without the LLM did not pass.
    failed: whether nothing that was tried without the LLM could leave.
    """

    run_id: str
    task: str
    tenant: str
    request: Request | None
    moment: float
    sensitivity: Sensitivity
    may_escalate: bool
    label: str | None
    by: By
    wrong: str | None
    gates: tuple[str, ...]
    failed: bool


def failed_or_judged(ledger: Ledger, tasks: Collection[str]) -> Iterator[Found]:
    """The judged and the failed runs of `tasks`, whose outputs are labels, by time.

    Raises
    ------
    LedgerError: the ledger cannot be read.
    """
    rejected = select(attempts.c.run_id).where(
        attempts.c.purpose == "answer", attempts.c.tier != "llm", attempts.c.accepted.is_(False)
    )
    query = (
        select(
            runs.c.id,
            *(runs.c[name] for name in _OF_RUN),
            feedback.c.given,
            feedback.c.correct,
            feedback.c.value,
            *(attempts.c[name] for name in ("tier", "accepted", "failed", "output")),
        )
        .join_from(runs, attempts, attempts.c.run_id == runs.c.id)
        .join(feedback, feedback.c.run_id == runs.c.id, isouter=True)
        .where(runs.c.task.in_(sorted(tasks)), runs.c.finished.is_not(None))
        .where(attempts.c.purpose == "answer")
        .where(or_(feedback.c.run_id.is_not(None), runs.c.id.in_(rejected)))
        .order_by(runs.c.started, runs.c.id, attempts.c.position)
    )
    with ledger.reading() as connection:
        streamed = connection.execution_options(yield_per=_CHUNK).execute(query).mappings()
        for _, rows in groupby(streamed, key=lambda row: str(row["id"])):
            if (found := _found(list(rows))) is not None:
                yield found


def _found(tries: Sequence[Any]) -> Found | None:
    first = tries[0]
    local = [one for one in tries if one["tier"] != "llm"]
    failed = bool(local) and not any(one["accepted"] for one in local)
    judged = first["correct"] is not None
    if not failed and not judged:
        return None
    label, by, wrong = _label(tries)
    return Found(
        run_id=str(first["id"]),
        task=first["task"],
        tenant=first["tenant"],
        request=cast("Request | None", first["request"]),
        moment=max(first["finished"], first["given"] or 0.0),
        sensitivity=first["sensitivity"] or "secret",
        may_escalate=bool(first["may_escalate"]),
        label=label,
        by=by,
        wrong=wrong,
        gates=tuple(each["gate"] for each in local[-1]["failed"] or ()) if failed else (),
        failed=failed,
    )


def _label(tries: Sequence[Any]) -> tuple[str | None, By, str | None]:
    """The right label, who says so, and the label that people called wrong."""
    first = tries[0]
    if first["value"] is not None:
        return label_in(first["value"]), "people", None
    answered = next((one for one in reversed(tries) if one["accepted"]), tries[-1])
    said = label_in(answered["output"])
    if first["correct"]:
        return (said, "people", None) if said else (None, "", None)
    if first["correct"] is not None:
        return None, "", said
    by_llm = answered["accepted"] and answered["tier"] == "llm" and said
    return (said, "llm", None) if by_llm else (None, "", None)


def label_in(output: Any) -> str | None:
    """The label of a label task's output, or of what people gave in its place."""
    told = output.get("label") if isinstance(output, dict) else output
    return told if isinstance(told, str) and told else None
