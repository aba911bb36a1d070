"""How runs stand: listed, shown, their answers. Nothing is changed here but what is too old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from tandem.checkpoints.durable import DurableRuns
from tandem.errors import Cancelled, RunBusy, RunExpired, RunStateError, TandemError
from tandem.ledger import effects
from tandem.ledger.holding import hold
from tandem.ledger.kept import Kept, kept, list_kept, newest_on, worked
from tandem.ledger.store import RUNNING, Ledger
from tandem.nodes.agent.tools import lacking
from tandem.records import Answer
from tandem.runs.forking import forkable
from tandem.runs.keeping import Purged, delete_old
from tandem.runs.waiting import pending, reached, waiting_answer
from tandem.services import Services
from tandem.tools.base import Tool

ELSEWHERE: Final = "approve, reject or resume it in the application that brings them."

if TYPE_CHECKING:
    from tandem.graphs.private_graph import PrivateGraph


@dataclass(frozen=True)
class Standing:
    """The runs of one graph, to look at.

    Parameters
    ----------
    own: whether the checkpointer is the application's, which keeps whatever has a thread.
    tools: the application's own.
    """

    services: Services
    graph: PrivateGraph
    own: bool = False
    tools: Sequence[Tool] = ()

    @property
    def saver(self) -> DurableRuns | None:
        """The graph's checkpointer; None where nothing is kept."""
        found = self.graph.checkpointer
        return found if isinstance(found, DurableRuns) else None

    def listed(self, *, only_open: bool = False, limit: int = 50) -> list[dict[str, Any]]:
        """The last runs that are kept, newest first: the columns of `list_kept`, `state` (working,
        waiting, interrupted, or the status it ended with) and `waits_for` (step ids)."""
        rows = list_kept(self._ledger, only_open=only_open, limit=limit)
        by_run = effects.of_runs(self._ledger, [row["run_id"] for row in rows])
        for row in rows:
            undecided = _undecided(by_run[row["run_id"]]) if row["status"] == RUNNING else []
            row |= {"state": self._state(row, undecided), "waits_for": undecided}
        return rows

    def told(self, run_id: str) -> dict[str, Any]:
        """How a run stands: `state` (see `listed`), its `effects`, its `answer` as it is now, and
        the `obstacle`: why it cannot go on from here; empty where it can, or has ended. `steps`
        (id, tool, status) are those of the answer, `forks_at` the ids at which it can be forked.

        Raises
        ------
        RunStateError: there is no such run.
        """
        row, rows = self._row(run_id), effects.of_runs(self._ledger, [run_id])[run_id]
        note = kept(self._ledger, run_id)
        thread = note["thread_id"] if note else run_id
        state = self._state({**row, "thread_id": thread}, _undecided(rows))
        answer = self.answer(run_id)
        steps = answer["steps"] if answer else []
        saver = self.saver
        told = ("step_id", "tool", "status", "claims", "asked", "claimed", "ended", "error_what")
        return {
            "run_id": run_id,
            "state": state,
            "obstacle": self._obstacle(state, note) if row["status"] == RUNNING else "",
            "effects": [{key: each[key] for key in told} for each in rows],  # type: ignore[literal-required]
            "steps": [{key: step[key] for key in ("id", "tool", "status")} for step in steps],
            "forks_at": forkable(saver, thread, run_id) if note and saver else [],
            "answer": answer,
        }

    def answer(self, run_id: str) -> Answer | None:
        """The answer that a run ended with, or the one of a run that waits; None where there is
        none, or no more."""
        note = kept(self._ledger, run_id)
        if note is None or self.saver is None:
            return None
        config = config_of(note["thread_id"], self.services)
        snapshot = self._snapshot(config)
        if snapshot.values.get("run_id") != run_id:
            return None
        if self._row(run_id)["status"] != RUNNING:
            answer = cast("Answer | None", snapshot.values.get("answer"))
            return answer if answer and answer["run_id"] == run_id else None
        return self._waiting(config)

    def _waiting(self, config: RunnableConfig, now_s: float = 0.0) -> Answer:
        """The answer of a run that is not over, which is worked at for `now_s` by now."""
        snapshot = self._snapshot(config)
        seconds = worked(self._ledger, snapshot.values["run_id"]) + now_s
        waits = pending(snapshot, self._ledger)
        return waiting_answer(self.services, reached(snapshot), waits, seconds)

    def _obstacle(self, state: str, note: Kept | None) -> str:
        """Why a run that has not ended cannot be resumed or decided on here."""
        if note is None or self.saver is None:
            return "It is not kept step by step, so that it cannot go on; ask again."
        if state == "working":
            return "Another worker is at it; wait until it is done."
        if newest_on(self._ledger, note["thread_id"]) != note["run_id"]:
            return "Another run was begun on its thread since; it can only be cancelled."
        snapshot = self._snapshot(config_of(note["thread_id"], self.services))
        if snapshot.values.get("run_id") != note["run_id"]:
            return "Its checkpoints are deleted, or lie elsewhere; it can only be cancelled."
        return self._tools_obstacle(snapshot)

    def _tools_obstacle(self, snapshot: StateSnapshot) -> str:
        try:
            lacks = lacking(self.services, self.tools, reached(snapshot))
        except TandemError as error:
            return str(error)  # its tools cannot be had at all: a damaged file, say
        names = ", ".join(lacks)
        return f"It needs tools that are not known here ({names}): {ELSEWHERE}" if lacks else ""

    def purge(self) -> Purged:
        """Delete checkpoints that are older than the settings allow, but of runs at work."""
        if self.saver is None or self.own:
            return Purged(0, 0)
        return delete_old(self.services, self.saver.inner)

    @property
    def _ledger(self) -> Ledger:
        return self.services.ledger

    def _state(self, row: Mapping[str, Any], undecided: list[str]) -> str:
        if row["status"] != RUNNING:
            return ending(row)
        try:
            with hold(self._ledger, row["thread_id"], seconds=0):
                return "waiting" if undecided else "interrupted"
        except RunBusy:
            return "working"

    def _row(self, run_id: str) -> dict[str, Any]:
        row = self._ledger.run(run_id)
        if row is None:
            raise RunStateError(
                f"The ledger {self._ledger.where} holds no run of that id.",
                "`tandem runs list` shows those that can go on; take the same settings file.",
            )
        return row

    def _snapshot(self, config: RunnableConfig) -> StateSnapshot:
        return self.graph.get_state(config, subgraphs=True)


def _undecided(rows: Iterable[effects.Effect]) -> list[str]:
    return [row["step_id"] for row in rows if row["status"] not in effects.ENDED]


def ending(row: Mapping[str, Any]) -> str:
    """How a run ended that is over: its status, or a word for what is no failure."""
    own = (Cancelled.code, RunExpired.code)
    return str(row["error_code"] if row["error_code"] in own else row["status"])


def config_of(thread_id: str, services: Services) -> RunnableConfig:
    """The configuration with which the graph works on a thread."""
    return {
        "recursion_limit": services.settings.limits.recursion,
        "configurable": {"thread_id": thread_id},
    }
