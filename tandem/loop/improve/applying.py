"""Puts in force what was decided: an adapter, then the calibration that belongs to it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tandem.errors import InvalidRequest, TandemError
from tandem.graphs.tasks import Tasks, calibrations
from tandem.loop.improve.candidates import (
    AdapterCandidate,
    AdapterTrial,
    HeadCandidate,
    HeadTrial,
    calibrated,
)
from tandem.loop.improve.dealing import Dealt
from tandem.loop.improve.judging import replaces_promise
from tandem.loop.improve.report import SlotReport
from tandem.loop.improve.rows import Row
from tandem.nodes.labels import LabelTask
from tandem.quality.calibration.calibration import LabelCalibration, name_of
from tandem.quality.calibration.threshold import Promise
from tandem.services import Services


@dataclass(frozen=True)
class Planned:
    """What was decided on a slot. `adapter` is one that won."""

    task: LabelTask
    dealt: Dealt
    report: SlotReport
    rows: tuple[Row, ...]
    head: HeadCandidate | None = None
    adapter: AdapterCandidate | None = None


@dataclass(frozen=True)
class Applying:
    """Carries plans out; each file is replaced as a whole, and the one before is kept in `folder`.

    Parameters
    ----------
    folder: the report's.
    """

    services: Services
    heads: HeadTrial
    adapters: AdapterTrial | None
    folder: Path

    def apply(self, plan: Planned) -> SlotReport:
        """The slot's report, with what came of it. An error is told there; it leaves in force what
        was."""
        report = plan.report
        if report["state"] != "to be put in force" or plan.head is None:
            return report
        changed = False
        try:
            if plan.adapter is not None and self.adapters is not None:
                # Its server is up before this, and the old one ends its requests.
                self.adapters.challenge.promote(plan.adapter.card, plan.adapter.duel)
                changed = True
                self._calibrate_anew(plan, plan.head.duel.before, report)
            else:
                self._save(plan.head.calibration, report)
                changed = True
        except TandemError as error:
            report["notes"].append(f"{error.what} {error.remedy}".strip())
        report["state"] = "changed" if changed else "not decided"
        return report

    def _calibrate_anew(self, plan: Planned, before: Promise | None, report: SlotReport) -> None:
        """The calibration was made without the adapter: a new one, or the word that its promise is
        withdrawn."""
        task = self._task(plan.task.name)
        report["promise"] = ""
        withdrawn = (
            "the promise of the small model is withdrawn: it was made without the adapter"
            if before and "slm" in before.stages
            else "no promise speaks of the adapter"
        )
        try:
            made = self.heads.calibrate(task, plan.dealt, "tandem improve, with the adapter")
        except InvalidRequest as error:
            report["notes"].append(f"{withdrawn}; {error.what}")
            return
        after = made.promise(calibrated(task).rules.target, ("head", "slm"))
        if after is None or replaces_promise(before, after):
            report["notes"].append(f"{withdrawn}; the rows certify none with it")
            return
        self._save(made, report)
        report["promise"] = after.words(task.name)

    def _task(self, name: str) -> LabelTask:
        task = Tasks(self.services)[name]
        if not isinstance(task, LabelTask):
            raise InvalidRequest(f"{name!r} is no task that ends in a label.", "")
        return task

    def _save(self, made: LabelCalibration, report: SlotReport) -> None:
        store = calibrations(self.services.settings)
        own = store.folders[0] / f"{name_of(made.task, made.labels)}.json"
        kept = self.folder / f"before-{own.name}"
        if own.is_file():
            try:
                kept.touch(mode=0o600)  # it may hold labelled rows
                shutil.copyfile(own, kept)
            except OSError as error:
                raise TandemError(
                    f"The calibration in force could not be kept: {error.strerror or error}.",
                    "Make room and start again; what is in force is as before.",
                ) from None
        path = store.save(made)
        back = f"copy {kept} over it" if kept.is_file() else "delete it"
        report["notes"].append(f"written: {path}; to undo it, {back}")
