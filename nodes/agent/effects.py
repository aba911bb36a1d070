"""Carrying out a step with a side effect: claimed in the ledger first, ended there after."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from tandem.errors import EgressBlocked, RunStateError, TandemError
from tandem.ledger import effects
from tandem.ledger.effects import Effect, EffectStatus
from tandem.ledger.kept import kept
from tandem.ledger.store import RUNNING
from tandem.nodes.agent.approval import Answered
from tandem.nodes.agent.dispatching import failed
from tandem.nodes.agent.limits import MORE_TIME, OutOfTime, ends_at
from tandem.nodes.agent.state import AgentState
from tandem.records import Step
from tandem.services import Services
from tandem.tools.base import Tool, ToolLate, ToolNotCalled, call_tool

if TYPE_CHECKING:
    from tandem.checkpoints.sealing import Serializer


@dataclass(frozen=True)
class Effects:
    """The step in hand and its row.

    Parameters
    ----------
    serde: seals the tool's result; None where it may not be kept at all.
    deadline: unix time, seconds, until which steps may work.
    """

    services: Services
    run_id: str
    planned: Step
    tool: Tool
    serde: Serializer | None
    deadline: float
    _errors: list[TandemError] = field(default_factory=list)
    """Why it failed, where this process carried it out; the row holds the words alone."""

    @classmethod
    def of(cls, services: Services, state: AgentState, tool: Tool) -> Self:
        """For the step in hand."""
        from tandem.checkpoints.sealing import encrypts, key_of, serializer

        serde = serializer(key_of(services.settings.checkpoints.key_env))
        open_to_all = state["profile"]["sensitivity"] in services.settings.privacy.public_may_see
        sealing = serde if encrypts(serde) or open_to_all else None
        ends = ends_at(state, services.settings.limits)
        return cls(services, state["run_id"], state["step"], tool, sealing, ends)

    def asked(self) -> Effect:
        """The row; what has the same step's name and is another step ends at once as failed."""
        row = effects.ask(
            self.services.ledger, self.run_id, self.planned["id"], self.tool.name, self._sum()
        )
        if row["arguments_sum"] != self._sum():
            # A run has each step once. This cannot be, and if it is, nothing is to happen.
            what = f"Another step called {self.planned['id']} had its effect in this run."
            return {**row, "status": "failed", "error_what": what, "result": None}
        return row

    def before(self) -> str:
        """The run, of which this one is a fork, that had the step's effect; empty: none did."""
        ledger, run_id = self.services.ledger, self.run_id
        while (note := kept(ledger, run_id)) and (run_id := note["forked_from"] or ""):
            row = effects.find(ledger, run_id, self.planned["id"])
            if row and row["claims"]:
                return run_id
        return ""

    def decided(self, row: Effect, answer: Answered) -> Effect:
        """Do what a person decided; the row after it."""
        match answer.decision:
            case "reject":
                self._end("unknown" if row["claims"] else "rejected")
            case "happened":
                self._end("done")
            case "approve" | "repeat":
                self._carry_out(row)
        found = effects.find(self.services.ledger, self.run_id, self.planned["id"])
        return found or row

    def step(self, row: Effect) -> Step:
        """The step, ended as its row has."""
        match row["status"]:
            case "done":
                return {**self.planned, "status": "done", "result": self._result(row)}
            case "rejected":
                said = failed(self.planned, "rejected", "A person said no; it was not done.")
                return {**said, "status": "rejected"}
            case "unknown":
                why = f" {row['error_what']}" if row["error_what"] else ""
                what = f"It was begun, and nobody knows whether it happened.{why}"
                return {**failed(self.planned, "unknown", what), "status": "unknown"}
        # Not known any more: no code for which the agent would plan again.
        code = self._errors[-1].code if self._errors else "effect"
        return failed(self.planned, code, row["error_what"] or "It failed.")

    def _carry_out(self, row: Effect) -> None:
        left = self.deadline - time.time()
        if left <= 0:
            so = "it was not done again" if row["claims"] else "it was not begun"
            late = OutOfTime(f"There was no time left for it, so {so}.", MORE_TIME)
            self._fail(row, "failed", late)
            return
        ledger = self.services.ledger
        if not effects.claim(ledger, self.run_id, self.planned["id"], row["claims"]):
            _refuse_ended(ledger.run(self.run_id))
            return
        limits = self.services.settings.limits
        told = _Told(self.tool)
        try:
            result = call_tool(
                told.tool,
                self.planned["arguments"],
                seconds=min(limits.tool_seconds, left),
                chars=limits.tool_chars,
            )
        except ToolLate as error:
            # It may have ended by being cancelled, half-way.
            self._fail(row, "failed" if told.status == "failed" else "unknown", error)
        except TandemError as error:
            self._fail(row, told.status, error)
        else:
            self._end("done", result=result)

    def _fail(self, before: Effect, status: EffectStatus, error: TandemError) -> None:
        """End it for `error`; `before` is the row before this try. That a further try did nothing
        does not tell what the first one did."""
        self._errors.append(error)
        self._end("unknown" if before["claims"] else status, error_what=str(error))

    def _end(
        self, status: EffectStatus, *, result: Any = None, error_what: str | None = None
    ) -> None:
        from tandem.checkpoints.sealing import seal

        sealed = None if self.serde is None or result is None else seal(self.serde, result)
        effects.end(
            self.services.ledger,
            self.run_id,
            self.planned["id"],
            status,
            result=sealed,
            error_what=error_what and self.services.ledger.masked(error_what),
        )

    def _result(self, row: Effect) -> Any:
        from tandem.checkpoints.sealing import unseal

        if row["result"] is None or self.serde is None:
            return None
        return unseal(self.serde, row["result"])

    def _sum(self) -> str:
        called = [self.run_id, self.tool.name, self.planned["arguments"]]
        return hashlib.sha256(json.dumps(called, sort_keys=True).encode()).hexdigest()


def _refuse_ended(run: Mapping[str, Any] | None) -> None:
    if run is None or run["status"] != RUNNING:
        raise RunStateError(
            "The run was cancelled or has ended, so that nothing was done.",
            "Ask again, as a run of its own.",
        )


@dataclass
class _Told:
    """Listens how far the tool came. One that says that it did nothing has done nothing, and so has
    one whose words the guard kept back; one that ends otherwise without a result, or not in time,
    may have done what it should."""

    called: Tool
    status: EffectStatus = field(default="failed", init=False)

    @property
    def tool(self) -> Tool:
        return replace(self.called, run=self._run)

    def _run(self, arguments: Mapping[str, Any]) -> Any:
        self.status = "unknown"
        try:
            result = self.called.run(arguments)
        except (ToolNotCalled, EgressBlocked):
            self.status = "failed"
            raise
        self.status = "done"
        return result
