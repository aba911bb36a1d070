"""Puts in force what was decided, and only in the place of what it was compared with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tandem.errors import InvalidRequest, TandemError
from tandem.graphs.tasks import calibrations
from tandem.loop.improve import pending
from tandem.loop.improve.adapter_trial import AdapterCandidate, AdapterTrial
from tandem.loop.improve.candidates import HeadCandidate, InForce
from tandem.loop.improve.dealing import Dealt
from tandem.loop.improve.pending import Pending
from tandem.loop.improve.report import SlotReport
from tandem.loop.improve.rows import Row
from tandem.nodes.labels import LabelTask
from tandem.quality.calibration.calibration import LabelCalibration, name_of
from tandem.quality.calibration.store import Calibrations
from tandem.services import Services


@dataclass(frozen=True)
class Planned:
    """What was decided on a slot.

    Parameters
    ----------
    now: what was in force. chosen: the calibration to put in force. adapter: the one that it was
        made with; None: it changes no adapter.
    """

    task: LabelTask
    dealt: Dealt
    report: SlotReport
    rows: tuple[Row, ...]
    now: InForce | None = None
    chosen: HeadCandidate | None = None
    adapter: AdapterCandidate | None = None


@dataclass(frozen=True)
class Applying:
    """Carries plans out; each file is replaced as a whole, and the one before is kept in `folder`.

    Parameters
    ----------
    folder: the report's, in that of `tandem improve`.
    """

    services: Services
    adapters: AdapterTrial | None
    folder: Path
    store: Calibrations = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "store", calibrations(self.services.settings))

    def apply(self, plan: Planned) -> SlotReport:
        """The slot's report, with what came of it. An error is told there; it leaves in force what
        was."""
        report = plan.report
        if report["state"] != "to be put in force" or plan.now is None or plan.chosen is None:
            return report
        try:
            self._refuse_other(plan.now, plan.chosen.calibration, plan.adapter)
            self._put(plan, plan.chosen.calibration)
        except TandemError as error:
            report["notes"].append(f"{error.what} {error.remedy}".strip())
            report["state"], report["promise"] = "not decided", ""
        else:
            report["state"] = "changed"
        return report

    def _refuse_other(
        self, now: InForce, made: LabelCalibration, adapter: AdapterCandidate | None
    ) -> None:
        """Raise InvalidRequest where something else is in force than was compared with."""
        found = self.store.find(made.task, made.labels).calibration
        adapters = {card.name for card in self.services.adapters.in_force().values()}
        if _text(found) != _text(now.calibration) or (adapter and adapter.card.name in adapters):
            raise InvalidRequest(
                "Something else was put in force during the comparison.",
                "It stays; the next run compares with it.",
            )

    def _put(self, plan: Planned, made: LabelCalibration) -> None:
        """Both writes or none: the adapter goes first, since its server may fail to start."""
        adapter, state = plan.adapter, self.folder.parent
        own = self.store.folders[0] / f"{name_of(made.task, made.labels)}.json"
        begun = Pending(
            task=made.task,
            adapter=adapter.card.name if adapter else "",
            calibration=str(own),
            kept=str(self._kept(own) or ""),
            written=pending.sum_of(made.to_json().encode("utf-8")),
        )
        pending.begin(state, begun)
        try:
            if adapter is not None and self.adapters is not None:
                # Its server is up before this, and the old one ends its requests.
                self.adapters.challenge.promote(adapter.card, adapter.duel)
            self.store.save(made)
        except BaseException:
            begun.take_back(self.services)
            pending.end(state)
            raise
        pending.end(state)
        plan.report["notes"].append(f"written: {own}; to undo it, {_undo(begun)}")

    def _kept(self, own: Path) -> Path | None:
        """A copy of the calibration in force; None: there is none of one's own."""
        if not own.is_file():
            return None
        kept = self.folder / f"before-{own.name}"
        try:
            kept.touch(mode=0o600)  # it may hold labelled rows
            shutil.copyfile(own, kept)
        except OSError as error:
            raise TandemError(
                f"The calibration in force could not be kept: {error.strerror or error}.",
                "Make room and start again; what is in force is as before.",
            ) from None
        return kept


def _text(made: LabelCalibration | None) -> str:
    return made.to_json() if made else ""


def _undo(begun: Pending) -> str:
    back = f"copy {begun.kept} over it" if begun.kept else "delete it"
    return f"{back} and `tandem adapters rollback {begun.adapter}`" if begun.adapter else back
