"""Steps with side effects: asked for, claimed, done; each at most once a run, whoever works at it.

A step is claimed before its tool is called and ended after. What is claimed but not ended when
somebody comes to it anew was under way when its process died: it may have happened, so that only a
person can say whether to do it again.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Final, Literal

from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import IntegrityError
from typing_extensions import TypedDict

from tandem.errors import LedgerError
from tandem.ledger.store import RUNNING, Ledger
from tandem.ledger.tables import effects, runs

EffectStatus = Literal["asked", "claimed", "done", "failed", "rejected", "unknown"]
ENDED: Final[frozenset[EffectStatus]] = frozenset({"done", "failed", "rejected", "unknown"})
"""`unknown`: a person let stand open whether it happened."""


class Effect(TypedDict):
    """A step with a side effect. Times are Unix seconds."""

    run_id: str
    step_id: str
    tool: str
    arguments_sum: str
    """A hash of tool and arguments."""
    status: EffectStatus
    claims: int
    """How often it was begun: 0 before the approval."""
    asked: float
    claimed: float | None
    ended: float | None
    result: bytes | None
    """What the tool gave, as whoever wrote it sealed it."""
    error_what: str | None


def ask(ledger: Ledger, run_id: str, step_id: str, tool: str, arguments_sum: str) -> Effect:
    """The step's row; a new one where it was never asked for.

    Raises
    ------
    LedgerError: the ledger cannot be written, or holds no such run.
    """
    found = find(ledger, run_id, step_id)
    if found is not None:
        return found
    row: Effect = {
        "run_id": run_id,
        "step_id": step_id,
        "tool": tool,
        "arguments_sum": arguments_sum,
        "status": "asked",
        "claims": 0,
        "asked": time.time(),
        "claimed": None,
        "ended": None,
        "result": None,
        "error_what": None,
    }
    try:
        with ledger.writing(but=IntegrityError) as connection:
            connection.execute(insert(effects).values(**row))
    except IntegrityError:
        # Another worker asked just now, or there is no such run.
        found = find(ledger, run_id, step_id)
        if found is None:
            raise LedgerError(
                f"The ledger {ledger.where} holds no run of that id, so its side effect was not "
                "carried out.",
                "Was the ledger moved away while the run waited?",
            ) from None
        return found
    return row


def claim(ledger: Ledger, run_id: str, step_id: str, claims: int) -> bool:
    """Take the step to carry it out: True for exactly one of all who try.

    Parameters
    ----------
    claims: how often it was begun before, as whoever approved it knew.

    False where another has it, where it was begun in between, or where the run has ended.
    """
    open_ = select(runs.c.id).where(runs.c.id == run_id, runs.c.status == RUNNING).exists()
    free = and_(
        effects.c.run_id == run_id,
        effects.c.step_id == step_id,
        effects.c.claims == claims,
        effects.c.status.in_(("asked", "claimed")),
    )
    taken = {"status": "claimed", "claims": claims + 1, "claimed": time.time()}
    with ledger.lasting() as connection:
        statement = update(effects).where(free, open_).values(**taken)
        return connection.execute(statement).rowcount == 1


def end(
    ledger: Ledger,
    run_id: str,
    step_id: str,
    status: EffectStatus,
    *,
    result: bytes | None = None,
    error_what: str | None = None,
) -> None:
    """Note how the step ended; one that has ended stays as it is."""
    still = and_(
        effects.c.run_id == run_id,
        effects.c.step_id == step_id,
        effects.c.status.not_in(ENDED),
    )
    columns = {"status": status, "ended": time.time(), "result": result, "error_what": error_what}
    with ledger.writing() as connection:
        connection.execute(update(effects).where(still).values(**columns))


def find(ledger: Ledger, run_id: str, step_id: str) -> Effect | None:
    """The step's row; None where it was never asked for."""
    of_step = effects.c.run_id == run_id, effects.c.step_id == step_id
    with ledger.reading() as connection:
        row = connection.execute(select(effects).where(*of_step)).mappings().first()
    return _effect(row) if row else None


def of_runs(ledger: Ledger, run_ids: Collection[str]) -> dict[str, list[Effect]]:
    """The effects of each of these runs, in the order in which they were asked for."""
    query = select(effects).where(effects.c.run_id.in_(list(run_ids))).order_by(effects.c.asked)
    found: dict[str, list[Effect]] = {run_id: [] for run_id in run_ids}
    with ledger.reading() as connection:
        for row in connection.execute(query).mappings():
            found[row["run_id"]].append(_effect(row))
    return found


def forget_results(ledger: Ledger) -> None:
    """Erase what the tools of ended runs gave: nobody needs it any more."""
    ended = select(runs.c.id).where(runs.c.status != RUNNING)
    held = effects.c.run_id.in_(ended), effects.c.result.is_not(None)
    with ledger.writing() as connection:
        connection.execute(update(effects).where(*held).values(result=None))


def _effect(row: Any) -> Effect:
    return {key: row[key] for key in Effect.__annotations__}  # type: ignore[return-value]
