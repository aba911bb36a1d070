"""What is planned for one task and label set: candidates, the comparison, and the words for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tandem.errors import InvalidRequest, TandemError
from tandem.loop import challenge
from tandem.loop.improve.applying import Planned
from tandem.loop.improve.candidates import (
    AdapterCandidate,
    AdapterTrial,
    HeadCandidate,
    HeadTrial,
    agreement_with_llm,
    calibrated,
    half_made,
    promise,
)
from tandem.loop.improve.dealing import Dealt, deal, missing
from tandem.loop.improve.judging import Duel, Side
from tandem.loop.improve.report import AdapterReport, HeadReport, SlotReport
from tandem.loop.improve.rows import SlotRows
from tandem.loop.labelled import LabelledRows
from tandem.loop.tune.learning import Privacy
from tandem.nodes.labels import LabelTask
from tandem.services import Services


@dataclass(frozen=True)
class SlotWork:
    """Makes and compares the candidates of a slot; changes nothing that is in force."""

    services: Services
    heads: HeadTrial
    adapters: AdapterTrial | None
    privacy: Privacy
    apply: bool

    def plan(
        self, task: LabelTask, slot: SlotRows, labelled: LabelledRows | None, seed: int
    ) -> Planned:
        """What is to become of the slot. What cannot be decided says why, and stands in no other
        slot's way."""
        dealt = deal(slot, labelled, seed)
        report = _report(slot, dealt)
        rows = (*slot.people, *slot.llm, *slot.unlabelled)
        planned = Planned(task, dealt, report, rows)
        report["missing"] = missing(dealt, calibrated(task).rules.target, self.heads.confidence)
        if report["missing"]:
            return self._too_few(planned, slot)
        try:
            head = self.heads.run(task, dealt, _data(slot, labelled))
            report["head"] = _head(head)
            adapter = self._adapter(task, dealt, head, report)
        except InvalidRequest as error:
            report["state"], report["why"] = "too few rows", error.what.rstrip(".")
            return planned
        except TandemError as error:
            report["state"], report["why"] = "not decided", error.what.rstrip(".")
            report["notes"].append(
                f"the rows count as not used, the next run takes them again. {error.remedy}".strip()
            )
            return planned
        return self._decided(planned, head, adapter)

    def _decided(
        self, planned: Planned, head: HeadCandidate, adapter: AdapterCandidate | None
    ) -> Planned:
        report, won = planned.report, adapter is not None and adapter.duel.won
        put = head.decision.put or won
        report["state"] = "refused"
        if put:
            report["state"] = "to be put in force" if self.apply else "would change"
        report["why"] = head.decision.why
        if adapter is not None and won:
            name = adapter.card.name
            report["why"] = f"the adapter {name} is better; of the head: {head.decision.why}"
        report["promise"] = _promise(head, planned.task.name) if head.decision.put else ""
        if not put and promise(planned.task, planned.dealt.rows.names) is None:
            report["notes"].append("nothing is promised for these requests, as before")
        made = adapter if won else None
        return Planned(planned.task, planned.dealt, report, planned.rows, head, made)

    def _too_few(self, planned: Planned, slot: SlotRows) -> Planned:
        report = planned.report
        report["state"] = "too few rows"
        what = "judged answers" if planned.dealt.agreement else "labelled rows"
        report["why"] = f"about {report['missing']} more {what} are needed"
        if planned.dealt.agreement:
            report["notes"].append(
                "what the LLM labelled teaches and does not judge: judge answers by `tandem "
                "feedback`, or give labelled rows by --labelled"
            )
            agreed = agreement_with_llm(self.services, slot.llm)
            report["llm_agreement"] = list(agreed) if agreed else None
        return planned

    def _adapter(
        self, task: LabelTask, dealt: Dealt, head: HeadCandidate, report: SlotReport
    ) -> AdapterCandidate | None:
        if self.adapters is None:
            return None
        target = calibrated(task).rules.target
        if head.head.mean >= target:
            report["adapter"] = _no_adapter(
                f"none was tuned: the head is enough ({head.head.mean:.3f} right of {head.head.n}, "
                f"{target:.3f} is asked), and costs milliseconds"
            )
            return None
        try:
            made = self.adapters.run(task.name, dealt, self.privacy)
        except InvalidRequest as error:
            report["adapter"] = _no_adapter(f"none was tuned: {error.what}")
            return None
        report["adapter"] = _adapter(made)
        if old := half_made(self.services, task.name):
            report["notes"].append(
                f"broken off by an earlier run, on other rows: {', '.join(old)}; remove it by "
                "`tandem adapters remove`"
            )
        return made


def _report(slot: SlotRows, dealt: Dealt) -> SlotReport:
    fit = dealt.parts.fit.tolist()
    return {
        "task": slot.task,
        "labels": list(slot.labels),
        "people": len(slot.people),
        "llm": len(slot.llm),
        "unlabelled": len(slot.unlabelled),
        "new": 0,
        "repeats": slot.repeats,
        "contradictory": slot.contradictory,
        "judged_by": dealt.judged_by,
        "learn": {by: dealt.count(fit, by) for by in ("people", "llm", "bought")},
        "certify": len(dealt.parts.calibrate),
        "judge": len(dealt.parts.test),
        "leaked": dealt.leaked,
        "missing": 0,
        "llm_agreement": None,
        "head": None,
        "adapter": None,
        "state": "too few rows",
        "why": "",
        "promise": "",
        "notes": _caveats(dealt),
    }


def _caveats(dealt: Dealt) -> list[str]:
    if not dealt.agreement:
        return []
    return [
        "judged by feedback: people judge what they like to judge (often what went wrong), which "
        "favours the candidate; what is certified is agreement, and nothing is promised"
    ]


def _data(slot: SlotRows, labelled: LabelledRows | None) -> str:
    origin = "feedback" if labelled is None else f"{len(labelled.texts)} labelled rows"
    return f"tandem improve: {origin}, {len(slot.people)} rows judged, {len(slot.llm)} by the LLM"


def _head(head: HeadCandidate) -> HeadReport:
    found: Duel = head.duel
    return {
        "champion": _side(found.champion),
        "challenger": _side(found.challenger),
        "right": found.right._asdict(),
        "accepted": found.accepted._asdict(),
        "head_alone": list(head.head),
    }


def _side(side: Side) -> dict[str, Any]:
    return side._asdict()


def _no_adapter(why: str) -> AdapterReport:
    return {"name": "", "won": False, "why": why, "duel": {}}


def _adapter(made: AdapterCandidate) -> AdapterReport:
    won, found = made.duel.won, made.duel.comparison
    better = f"better ({found.difference.mean:+.3f}, p {found.p:.3f})"
    why = better if won else challenge.why_not(made.duel)
    return {"name": made.card.name, "won": won, "why": why, "duel": asdict(made.duel)}


def _promise(head: HeadCandidate, task: str) -> str:
    after = head.duel.after
    return after.words(task) if after else f"nothing is promised for {task}"
