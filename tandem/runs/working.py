"""Runs by their ids: begun, resumed, decided on, cancelled, forked; one worker at a time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from tandem.checkpoints.durable import DurableRuns, UnderWay
from tandem.errors import Cancelled, RunStateError, TandemError
from tandem.ledger import effects
from tandem.ledger.holding import hold
from tandem.ledger.kept import Kept, add_worked, kept, newest_on
from tandem.ledger.store import RUNNING
from tandem.nodes.state import Context
from tandem.records import Answer
from tandem.runs.forking import begin_fork, find_step
from tandem.runs.keeping import end_effects
from tandem.runs.standing import Standing, config_of, ending
from tandem.runs.waiting import Pending, pending

GONE: Final = "Its checkpoints are deleted by now, or lie elsewhere (checkpoints.url)."


class Runs(Standing):
    """The runs of one graph, and what may be done with them."""

    def identified(self, context: Context, thread_id: str) -> tuple[Context, RunnableConfig]:
        """The context with the run's id, and the configuration with its thread."""
        limits = self.services.settings.limits
        config: RunnableConfig = {"recursion_limit": limits.recursion}
        context = replace(context, run_id=context.run_id or uuid.uuid4().hex)
        if self.saver is not None:
            config["configurable"] = {"thread_id": thread_id or context.run_id}
        return context, config

    @contextmanager
    def begin(self, context: Context, config: RunnableConfig) -> Iterator[dict[str, Any]]:
        """A new run is under way while the block lasts; gives what the graph is called with."""
        if self.saver is None:
            yield {}
            return
        thread = _thread(config)
        named = self.own and thread != context.run_id
        with self.saver.running(thread, context.run_id, kept=named) as run:
            run.stack.callback(self._let_go, run)
            try:
                yield {"durability": "sync"}
            except TandemError as error:
                if not run.kept:
                    # It ended here before it was kept, and nobody can go on with it.
                    self._ledger.fail(run.run_id, error)
                raise

    def ended(self, config: RunnableConfig, result: Any) -> Answer:
        """The answer of a run that the graph let go of: it has ended, or it waits."""
        if "__interrupt__" in result:
            return self.waiting(config)
        answer: Answer = result["answer"]
        if self.saver is not None and self.saver.writes(_thread(config)):
            effects.forget_results(self._ledger)
        return answer

    def waiting(self, config: RunnableConfig) -> Answer:
        """The answer of a run that waits for a person."""
        return self._waiting(config, cast("DurableRuns", self.saver).seconds_at(_thread(config)))

    def resume(self, run_id: str) -> Answer:
        """Go on with a run where it was; finished steps are not done again.

        Raises
        ------
        RunStateError: there is no such run, it has ended or is not kept; RunBusy: another worker
            is at it.
        """
        with self._held(run_id, recorded=True) as config:
            return self._go_on(run_id, config, None)

    def decide(self, run_id: str, step_id: str, decision: str) -> Answer:
        """Say what is to become of a step that waits, and go on.

        Parameters
        ----------
        step_id: may be empty where the run has asked about one step and no other: said twice, a
            bare yes must not hold for a step that came after.
        decision: one of the question's `answers`.

        Raises
        ------
        RunStateError: as `resume`; and no such step waits, it was decided before, or it cannot be
            decided so.
        """
        with self._held(run_id) as config:
            chosen = self._chosen(run_id, step_id, pending(self._snapshot(config), self._ledger))
            asked = chosen.approval
            if decision not in asked["answers"]:
                raise RunStateError(
                    f"Step {asked['step_id']}: {asked['words']} Nothing was done.",
                    f"Say one of: {', '.join(asked['answers'])}.",
                )
            said = {"decision": decision, "claims": asked["claims"]}
            return self._go_on(run_id, config, Command(resume={chosen.interrupt_id: said}))

    def cancel(self, run_id: str) -> None:
        """End a run that waits or was interrupted. What it did stands; nothing more is done.

        Raises
        ------
        RunStateError: it has ended, or there is no such run; RunBusy: a worker is at it.
        """
        with self._held(run_id, resumable=False):
            self._ledger.fail(
                run_id, Cancelled("The run was cancelled while it waited.", "Ask again.")
            )
            end_effects(self._ledger, run_id)
            effects.forget_results(self._ledger)

    def fork(self, run_id: str, step_id: str) -> Answer:
        """A new run that has all that `run_id` did before `step_id`; it goes on from there.

        Raises
        ------
        RunStateError: there is no such run or step, or its checkpoints are deleted by now.
        """
        if self.saver is None or (note := kept(self._ledger, run_id)) is None:
            self._row(run_id)
            raise RunStateError(
                "The run is not kept step by step, so that it cannot be forked.",
                "checkpoints.tasks names the tasks whose runs are kept.",
            )
        fork_id = uuid.uuid4().hex
        found = find_step(self.saver, note["thread_id"], run_id, step_id)
        with hold(self._ledger, fork_id):
            try:
                begin_fork(self._ledger, self.saver, found, fork_id)
            except TandemError as error:
                self._ledger.fail(fork_id, error)  # half a fork cannot go on
                raise
            with self.saver.running(fork_id, fork_id, kept=True, noted=True) as run:
                run.stack.callback(self._let_go, run)
                return self._go_on(fork_id, config_of(fork_id, self.services), None)

    def close(self) -> None:
        """Close the checkpoints' database, where this process opened it."""
        if self.saver is not None and not self.own:
            self.saver.close()

    def _go_on(self, run_id: str, config: RunnableConfig, command: Command[Any] | None) -> Answer:
        context = Context(run_id=run_id)
        result = self.graph.invoke(command, config, context=context, durability="sync")
        return self.ended(config, result)

    @contextmanager
    def _held(
        self, run_id: str, *, resumable: bool = True, recorded: bool = False
    ) -> Iterator[RunnableConfig]:
        """The run is this worker's while the block lasts.

        Parameters
        ----------
        resumable: its checkpoints are needed.
        recorded: one that the ledger says has ended will do, if its answer is still to be given.
        """
        note = self._open(run_id, recorded, resumable)
        thread, saver = note["thread_id"], cast("DurableRuns", self.saver)
        # Before it is held: what is held is not looked at for whether it is too old.
        saver.open()
        with (
            hold(self._ledger, thread),
            saver.running(thread, run_id, kept=True, noted=True) as run,
        ):
            run.stack.callback(self._let_go, run)
            # Another worker may have ended it before this one got hold of it.
            self._open(run_id, recorded, resumable)
            config = config_of(thread, self.services)
            if resumable and self._snapshot(config).values.get("run_id") != run_id:
                raise RunStateError(f"The run cannot go on. {GONE}", "Ask again.")
            yield config

    def _let_go(self, run: UnderWay) -> None:
        if run.kept:
            add_worked(self._ledger, run.run_id, time.time() - run.since)

    def _open(self, run_id: str, recorded: bool, newest: bool) -> Kept:
        """The note of a run that can go on.

        Parameters
        ----------
        newest: no other may have begun on its thread since.
        """
        if self.saver is None:
            raise RunStateError(
                "Nothing is kept here, so that no run can go on.", "Set checkpoints.url."
            )
        row, note = self._row(run_id), kept(self._ledger, run_id)
        if row["status"] != RUNNING and not (recorded and note and self._is_cut(row, note)):
            raise RunStateError(
                f"The run has ended ({ending(row)}), so that nothing was done.",
                "`tandem runs show` tells how; `tandem runs fork` begins anew at one of its steps.",
            )
        if note is None:
            raise RunStateError(
                f"The run of task {row['task'] or 'unknown'} is not kept step by step.",
                "Ask again; checkpoints.tasks names the tasks whose runs are kept.",
            )
        if newest and newest_on(self._ledger, note["thread_id"]) != run_id:
            raise RunStateError(
                "Another run was begun on this run's thread since, so that it cannot go on.",
                "`tandem runs cancel` ends it. Give runs threads of their own.",
            )
        return note

    def _is_cut(self, row: Mapping[str, Any], note: Kept) -> bool:
        """Whether the process died when the ledger had the run's end, and the checkpoints not."""
        snapshot = self._snapshot(config_of(note["thread_id"], self.services))
        same = snapshot.values.get("run_id") == note["run_id"]
        return same and snapshot.next == ("record",) and ending(row) == row["status"]

    def _chosen(self, run_id: str, step_id: str, waits: list[Pending]) -> Pending:
        by_step = {each.approval["step_id"]: each for each in waits}
        asked = {row["step_id"] for row in effects.of_runs(self._ledger, [run_id])[run_id]}
        if not step_id and len(by_step) == 1 and asked <= by_step.keys():
            return next(iter(by_step.values()))
        if step_id in by_step:
            return by_step[step_id]
        row = effects.find(self._ledger, run_id, step_id)
        if row is not None and row["status"] in effects.ENDED:
            raise RunStateError(
                f"Step {step_id} was decided before ({row['status']}); nothing was done twice.",
                "`tandem runs resume` goes on where the run was.",
            )
        raise RunStateError(
            "That step waits for nobody." if step_id else "It is not clear which step is meant.",
            f"Steps that wait: {', '.join(by_step) or 'none'}.",
        )


def _thread(config: RunnableConfig) -> str:
    return str(config["configurable"]["thread_id"])
