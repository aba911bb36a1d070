"""The circle: collect, label, retrain, compare, calibrate, put in force what is better, tell.

What is in force changes in one step a slot (a file replaced as a whole), after the report is
written; rows count as used after that. Whatever stops a run in between, the next one takes the same
rows again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tandem.errors import InvalidRequest, SettingsError
from tandem.graphs.tasks import Tasks
from tandem.ledger.store import Ledger
from tandem.loop.improve.applying import Applying, Planned
from tandem.loop.improve.candidates import AdapterTrial, HeadTrial
from tandem.loop.improve.clusters import clusters
from tandem.loop.improve.dealing import labelled_for
from tandem.loop.improve.labelling import Labelled, Labeller, require_budget
from tandem.loop.improve.report import Report
from tandem.loop.improve.rows import Collected, Collector, Row, Slot, SlotRows, by_slot
from tandem.loop.improve.slots import SlotWork
from tandem.loop.improve.state import State
from tandem.loop.improve.writing import prepare, removed_if_empty, write
from tandem.loop.labelled import LabelledRows
from tandem.loop.measuring import Progress
from tandem.loop.tune.learning import Privacy
from tandem.nodes.labels import LabelTask
from tandem.services import Services

LEAST_CLUSTER: Final = 5


class NoTexts(SettingsError):
    """The ledger keeps no texts, so that there is nothing to learn from."""

    code = "no_texts"


@dataclass(frozen=True)
class Wishes:
    """What a run is to do.

    Parameters
    ----------
    tasks: empty: all tasks whose outputs are labels. labelled: a file of rows drawn uniformly, of
        the one task of `tasks`.
    label_budget: what labels by the LLM may cost, in the settings' currency.
    apply: whether the better is put in force. rows, llm_rows: see HeadTrial.
    """

    tasks: tuple[str, ...] = ()
    labelled: Path | None = None
    label_budget: float = 0.0
    apply: bool = False
    rows: int = 300
    llm_rows: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Done:
    """A finished run. `report` and `folder` are None where there was nothing to do."""

    report: Report | None
    folder: Path | None


@dataclass(frozen=True)
class Seen:
    """What a run found. `used`: see State.used; `fresh`: the rows that no run has used."""

    used: Mapping[str, float]
    collected: Collected
    labelled: Labelled
    fresh: Sequence[Row]


@dataclass(frozen=True)
class Improver:
    """Runs the circle once.

    Parameters
    ----------
    services: tiers and embeddings; such as keep answers, so that a stop loses nothing.
    ledger: the user's own. adapters: tunes and compares; None: heads only.
    """

    services: Services
    ledger: Ledger
    privacy: Privacy
    adapters: AdapterTrial | None
    progress: Progress = lambda _what, _done, _of: None

    def run(self, wishes: Wishes) -> Done:
        """Do what is wished.

        Raises
        ------
        Busy: another run is at work. NoTexts: the ledger keeps no texts.
        InvalidRequest: an unknown task, a budget that is none, or a labelled file of no use.
        LedgerError, ModelError, TandemError: told in words; what is in force is as before, and the
            rows count as not used.
        """
        require_budget(wishes.label_budget)
        tasks = self._tasks(wishes)
        state = State.of(self.services.settings)
        with state.alone():
            return self._alone(wishes, tasks, state)

    def _alone(self, wishes: Wishes, tasks: Mapping[str, LabelTask], state: State) -> Done:
        used = state.used()
        collected = Collector(self.services, self.ledger, tasks, self.privacy).collect()
        self._refuse_without_texts(collected)
        labeller = Labeller(self.services, self.ledger, state, wishes.label_budget, self.progress)
        labelled = labeller.label(collected.rows)
        fresh = [row for row in labelled.rows if row.moment > used.get(row.task, 0.0)]
        if not fresh and not labelled.asked and wishes.labelled is None:
            return Done(None, None)
        folder = prepare(state.folder)
        seen = Seen(used, collected, labelled, fresh)
        with removed_if_empty(folder):
            report = self._work(wishes, tasks, seen, state, folder)
        return Done(report, folder)

    def _work(
        self,
        wishes: Wishes,
        tasks: Mapping[str, LabelTask],
        seen: Seen,
        state: State,
        folder: Path,
    ) -> Report:
        rows = seen.labelled.rows
        planned = self._slots(wishes, tasks, rows, {row.slot for row in seen.fresh})
        report = self._report(wishes, seen, planned)
        write(report, folder)
        if wishes.apply:
            applying = Applying(self.services, self._heads(wishes), self.adapters, folder)
            report["slots"] = [applying.apply(plan) for plan in planned]
            write(report, folder)
            self._use(state, rows, planned)
        return report

    def _slots(
        self,
        wishes: Wishes,
        tasks: Mapping[str, LabelTask],
        rows: Sequence[Row],
        fresh: set[Slot],
    ) -> list[Planned]:
        slots = by_slot(rows)
        given = self._given(wishes, slots)
        wanted = [slot for slot in slots if slot in fresh or slot in given]
        work = SlotWork(
            self.services, self._heads(wishes), self.adapters, self.privacy, wishes.apply
        )
        return [
            work.plan(tasks[slot[0]], slots[slot], given.get(slot), wishes.seed) for slot in wanted
        ]

    def _heads(self, wishes: Wishes) -> HeadTrial:
        return HeadTrial(
            self.services, self.progress, wishes.rows, wishes.llm_rows, seed=wishes.seed
        )

    def _given(self, wishes: Wishes, slots: Mapping[Slot, SlotRows]) -> dict[Slot, LabelledRows]:
        if wishes.labelled is None:
            return {}
        slot, rows = labelled_for(wishes.labelled, wishes.tasks[0], slots)
        return {slot: rows}

    def _tasks(self, wishes: Wishes) -> dict[str, LabelTask]:
        tasks = {
            task.name: task
            for task in Tasks(self.services).values()
            if isinstance(task, LabelTask) and task.calibrated is not None
        }
        if unknown := set(wishes.tasks) - tasks.keys():
            raise InvalidRequest(
                f"{min(unknown)!r} is no task that ends in a label.",
                f"Such are {', '.join(tasks)}.",
            )
        if wishes.labelled is not None and len(wishes.tasks) != 1:
            raise InvalidRequest(
                "--labelled is of one task.",
                "Name it: `tandem improve TASK --labelled FILE`.",
            )
        return {name: tasks[name] for name in wishes.tasks or tasks}

    def _refuse_without_texts(self, collected: Collected) -> None:
        kept = self.services.settings.ledger.texts != "none"
        if collected.rows or (kept and not collected.without_any_text):
            return
        runs = collected.counts.get("runs", 0)
        raise NoTexts(
            f"The ledger holds {runs} judged or failed runs to learn from, and the text of none: "
            'it keeps no texts unless the settings say so ([ledger] texts, "none" by default).',
            'Set texts = "all" (or "sampled") in [ledger]; what is asked from then on can be '
            "learnt from. Nothing was changed.",
        )

    def _report(self, wishes: Wishes, seen: Seen, planned: Sequence[Planned]) -> Report:
        labelled, fresh = seen.labelled, seen.fresh
        new = {row.run_id for row in fresh}
        for plan in planned:
            plan.report["new"] = sum(row.run_id in new for row in plan.rows)
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "applied": wishes.apply,
            "currency": self.services.settings.currency,
            "since": {task: _moment(moment) for task, moment in sorted(seen.used.items())},
            "collected": dict(seen.collected.counts),
            "new": len(fresh),
            "labelling": {
                "budget": wishes.label_budget,
                "cost": labelled.cost,
                "asked": labelled.asked,
                "kept": labelled.kept,
                "refused": labelled.refused,
                "left": labelled.left,
                "notes": labelled.notes,
            },
            "failures": clusters(self.services, fresh, LEAST_CLUSTER),
            "slots": [plan.report for plan in planned],
        }

    @staticmethod
    def _use(state: State, rows: Sequence[Row], planned: Sequence[Planned]) -> None:
        """Note the rows of tasks on all of whose slots something was decided."""
        open_ = {plan.report["task"] for plan in planned if plan.report["state"] == "not decided"}
        moments: dict[str, float] = {}
        for row in rows:
            if row.task not in open_:
                moments[row.task] = max(row.moment, moments.get(row.task, 0.0))
        if moments:
            state.use(moments)


def outcome(done: Done) -> str:
    """In one word for whoever started the run: `changed` (or would change), `nothing`, `refused`,
    or `failed` where something could not be decided and nothing else changed."""
    states = {slot["state"] for slot in done.report["slots"]} if done.report else set()
    if states & {"changed", "would change"}:
        return "changed"
    if "not decided" in states:
        return "failed"
    return "refused" if "refused" in states else "nothing"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
