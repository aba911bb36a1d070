"""Labels by the LLM for rows that have none: within a budget, behind the guard, and never of a
sensitive row by an LLM that is not private. What was paid for is kept and never paid for twice."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tandem.errors import InvalidRequest, from_info
from tandem.ledger.days import add_spend
from tandem.ledger.spend import Spend
from tandem.ledger.store import Ledger
from tandem.loop.challenge import label_task
from tandem.loop.improve.collecting import label_in
from tandem.loop.improve.rows import Row, by_slot
from tandem.loop.improve.state import State
from tandem.loop.measuring import OF_THE_ROW, Progress, profile_of
from tandem.models.identity import tier_identity
from tandem.models.tier import CallContext, Tier
from tandem.nodes.run_task import attempted
from tandem.nodes.texts import tokens_at_most
from tandem.records import Attempt
from tandem.routing.budgets import spent
from tandem.services import Services

AROUND: Final = 200
"""Tokens of a label prompt beside the text, in an estimate of its price."""


@dataclass
class Labelled:
    """What the labelling came to. `cost` in the settings' currency."""

    rows: list[Row]
    asked: int = 0
    kept: int = 0
    """Labels that an earlier run paid for."""
    cost: float = 0.0
    refused: int = 0
    """Rows that the LLM may not see."""
    left: int = 0
    """Rows that the budget, or an LLM that does not answer, left without a label."""
    failed: str = ""
    """Why the LLM did not answer."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Labeller:
    """Asks the LLM.

    Parameters
    ----------
    ledger: the user's own, to whose day the cost counts. budget: what may be spent, in the
        settings' currency.
    """

    services: Services
    ledger: Ledger
    state: State
    budget: float
    progress: Progress

    def label(self, rows: Sequence[Row]) -> Labelled:
        """`rows` with labels where there were none and the LLM gave one.

        Raises
        ------
        TandemError: a label that was paid for could not be kept.
        """
        made = Labelled([])
        found = dict(self._known(rows))
        made.kept = len(found)
        wanted = [row for row in _without(rows) if row.run_id not in found]
        if not self.budget:
            made.left, wanted = len(wanted), []
        for done, row in enumerate(wanted):
            if not self._may_see(row):
                made.refused += 1
            elif why := self._stopped(row, made):
                made.notes.append(f"no more labels were asked for: {why}")
                made.left += len(wanted) - done
                break
            elif (label := self._asked(row, made)) is not None:
                found[row.run_id] = label
            self.progress("labels by the LLM", done + 1, len(wanted))
        made.rows = with_bought(rows, found)
        return made

    def _known(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        tasks = {row.task for row in rows}
        by_task = {task: self.state.labels(self._identity(task)) for task in tasks}
        return [
            (row.run_id, label)
            for row in rows
            if not row.by and (label := by_task[row.task].get(row.run_id))
        ]

    def _may_see(self, row: Row) -> bool:
        return row.public or self.services.tier("llm", row.task).private

    def _stopped(self, row: Row, made: Labelled) -> str:
        """Why nothing more is asked; empty: the row may be."""
        if made.failed:
            return made.failed
        budgets, currency = self.services.settings.policy.budgets, self.services.settings.currency
        today = Spend(self.ledger, budgets.refresh_s).today()
        barred = spent(budgets, row.tenant, today, currency) if budgets.bounded else ""
        foreseen = _foreseen(row, self.services.tier("llm", row.task))
        if not barred and made.cost + foreseen > self.budget:
            barred = f"the label budget of {self.budget:g} {currency} is used up"
        return barred

    def _asked(self, row: Row, made: Labelled) -> str | None:
        attempt = self._attempt(row)
        if attempt["cost"]:
            made.cost += attempt["cost"]
            with self.ledger.writing() as connection:
                add_spend(connection, row.run_id, self.ledger.currency, attempt["cost"])
        if (error := attempt["error"]) is not None:
            made.refused += error["code"] in OF_THE_ROW
            made.left += error["code"] not in OF_THE_ROW
            made.failed = "" if error["code"] in OF_THE_ROW else from_info(error).what.rstrip(".")
            return None
        made.asked += 1
        label = label_in(attempt["output"])
        if label in row.labels:
            self.state.add_label(row.run_id, label, self._identity(row.task))
            return label
        return None

    def _attempt(self, row: Row) -> Attempt:
        task = label_task(self.services, row.task)
        profile = profile_of(self.services, row.task, {"text": row.text})
        settings = self.services.settings
        call = self.services.tier("llm", row.task).bind(
            CallContext(
                profile={**profile, "sensitivity": row.sensitivity, "tenant": row.tenant},
                deadline=time.time() + settings.limits.deadline_s,
                task=row.task,
                private_only=not row.public,
            )
        )
        prepared = task.prepare({"text": row.text, "labels": list(row.labels)}, profile)
        return attempted(call, lambda: task.attempt(prepared, call))

    def _identity(self, task: str) -> str:
        return tier_identity(self.services.settings, "llm", task)


def require_budget(budget: float) -> None:
    """Raise InvalidRequest on a budget that is none."""
    if not 0 <= budget < float("inf"):
        raise InvalidRequest("--label-budget is an amount of money, 0 or more.", "Such as 0.50.")


def _without(rows: Sequence[Row]) -> list[Row]:
    """One row of each text that nobody labelled."""
    return [row for slot in by_slot(rows).values() for row in slot.unlabelled]


def with_bought(rows: Sequence[Row], labels: Mapping[str, str]) -> list[Row]:
    """`rows` with what was bought (label by run) where nobody else labelled them."""
    return [_with(row, labels.get(row.run_id)) for row in rows]


def _with(row: Row, label: str | None) -> Row:
    # An answer that people called wrong is not learnt because the LLM says it again.
    if row.by or label is None or label == row.wrong or label not in row.labels:
        return row
    return replace(row, label=label, by="bought")


def _foreseen(row: Row, tier: Tier) -> float:
    """The price of a label, at most about that much."""
    words = tokens_at_most(row.text) + sum(tokens_at_most(label) for label in row.labels)
    return tier.price({"input_tokens": words + AROUND, "output_tokens": 8})
