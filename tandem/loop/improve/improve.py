"""The circle: collect, label, retrain, compare, calibrate, put in force what is better, tell.

What is in force changes in one step a slot (a file replaced as a whole), after the report is
written; rows count as used after that. Whatever stops a run in between, the next one takes the same
rows again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tandem.errors import InvalidRequest, SettingsError
from tandem.graphs.tasks import Tasks
from tandem.ledger.store import Ledger
from tandem.loop.improve.adapter_trial import AdapterTrial
from tandem.loop.improve.applying import Applying, Planned
from tandem.loop.improve.candidates import HeadTrial
from tandem.loop.improve.clusters import clusters
from tandem.loop.improve.collecting import failed_or_judged
from tandem.loop.improve.given import Given, told_again
from tandem.loop.improve.judging import MARGIN
from tandem.loop.improve.labelling import Labelled, Labeller, require_budget
from tandem.loop.improve.pending import recover
from tandem.loop.improve.report import Report
from tandem.loop.improve.rows import Collected, Collector, Row, Slot, SlotRows, by_slot
from tandem.loop.improve.slots import SlotWork
from tandem.loop.improve.state import State
from tandem.loop.improve.writing import prepare, removed_if_empty, write
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
    apply: whether the better is put in force. rows, llm_rows, margin: see HeadTrial.
    """

    tasks: tuple[str, ...] = ()
    labelled: Path | None = None
    label_budget: float = 0.0
    apply: bool = False
    rows: int = 300
    llm_rows: int = 0
    margin: float = MARGIN
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
        if not 0 < wishes.margin < 1:
            raise InvalidRequest("--margin is a share between 0 and 1.", "Such as 0.05.")
        tasks = self._tasks(wishes)
        state = State.of(self.services.settings)
        with state.alone():
            return self._alone(wishes, tasks, state)

    def _alone(self, wishes: Wishes, tasks: Mapping[str, LabelTask], state: State) -> Done:
        recovered = recover(state.folder, self.services) if wishes.apply else ""
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
            given = self._given(wishes, tasks, by_slot(labelled.rows), state)
            for task in tasks if recovered else ():
                given.note(task, recovered)
            report = self._work(wishes, tasks, seen, given, state, folder)
        return Done(report, folder)

    def _work(
        self,
        wishes: Wishes,
        tasks: Mapping[str, LabelTask],
        seen: Seen,
        given: Given,
        state: State,
        folder: Path,
    ) -> Report:
        rows = seen.labelled.rows
        planned = self._slots(wishes, tasks, seen, given, state)
        report = self._report(wishes, seen, planned)
        write(report, folder)
        if wishes.apply:
            applying = Applying(self.services, self.adapters, folder)
            report["slots"] = [applying.apply(plan) for plan in planned]
            write(report, folder)
            self._use(state, rows, planned, given)
        return report

    def _slots(
        self,
        wishes: Wishes,
        tasks: Mapping[str, LabelTask],
        seen: Seen,
        given: Given,
        state: State,
    ) -> list[Planned]:
        slots = by_slot(seen.labelled.rows)
        fresh = {row.slot for row in seen.fresh}
        named = set(given.rows) if wishes.labelled is not None else set()
        heads = self._heads(wishes)
        work = SlotWork(self.services, heads, self.adapters, self.privacy, wishes.apply, state)
        planned = []
        for slot in [slot for slot in slots if slot in fresh | named]:
            plan = work.plan(tasks[slot[0]], slots[slot], given.rows.get(slot), wishes.seed)
            plan.report["notes"].extend(given.notes.get(slot[0], ()))
            planned.append(plan)
        return planned

    def _heads(self, wishes: Wishes) -> HeadTrial:
        return HeadTrial(
            self.services,
            self.progress,
            wishes.rows,
            wishes.llm_rows,
            wishes.margin,
            seed=wishes.seed,
        )

    @staticmethod
    def _given(
        wishes: Wishes, tasks: Collection[str], slots: Mapping[Slot, SlotRows], state: State
    ) -> Given:
        """The rows that judge: those of `wishes`, else those that an earlier run was given."""
        made = Given()
        if wishes.labelled is not None:
            made.take(wishes.labelled, wishes.tasks[0], slots)
            return made
        for task, kept in state.judging().items():
            if task in tasks and any(slot[0] == task for slot in slots):
                try:
                    made.take(kept.path, task, slots)
                except InvalidRequest as error:
                    made.note(task, f"labelled rows of an earlier run do not judge: {error.what}")
                else:
                    made.note(task, told_again(kept))
        return made

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

    def _not_learnt_from(self) -> dict[str, int]:
        runs = sum(1 for _ in failed_or_judged(self.ledger, ("extraction",)))
        return {"extraction": runs} if runs else {}

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
            "not_learnt_from": self._not_learnt_from() if not wishes.tasks else {},
            "slots": [plan.report for plan in planned],
        }

    @staticmethod
    def _use(state: State, rows: Sequence[Row], planned: Sequence[Planned], given: Given) -> None:
        """Note the rows of tasks on all of whose slots something was decided."""
        open_ = {plan.report["task"] for plan in planned if plan.report["state"] == "not decided"}
        moments: dict[str, float] = {}
        for row in rows:
            if row.task not in open_:
                moments[row.task] = max(row.moment, moments.get(row.task, 0.0))
        if moments:
            state.use(moments, {task: given.files[task] for task in moments if task in given.files})


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
