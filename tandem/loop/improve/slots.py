"""What is planned for one task and label set: candidates, the comparison, and the words for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from tandem.errors import InvalidRequest, TandemError
from tandem.loop import challenge
from tandem.loop.improve.adapter_trial import AdapterCandidate, AdapterTrial, half_made
from tandem.loop.improve.applying import Planned
from tandem.loop.improve.candidates import (
    HeadCandidate,
    HeadTrial,
    InForce,
    agreement_with_llm,
    calibrated,
)
from tandem.loop.improve.compared import compared_sum
from tandem.loop.improve.dealing import Dealt, deal, missing
from tandem.loop.improve.judging import Duel, Side
from tandem.loop.improve.report import AdapterReport, HeadReport, SlotReport
from tandem.loop.improve.rows import SlotRows
from tandem.loop.improve.state import State
from tandem.loop.labelled import LabelledRows
from tandem.loop.seen import NOTHING, Seen, seen_in_force
from tandem.loop.select.choosing import Wanted, lower
from tandem.loop.tune.learning import Privacy
from tandem.nodes.labels import LabelTask
from tandem.nodes.tuned import asked_labels
from tandem.services import Services


@dataclass(frozen=True)
class SlotWork:
    """Makes and compares the candidates of a slot; changes nothing that is in force."""

    services: Services
    heads: HeadTrial
    adapters: AdapterTrial | None
    privacy: Privacy
    apply: bool
    state: State

    def plan(
        self, task: LabelTask, slot: SlotRows, labelled: LabelledRows | None, seed: int
    ) -> Planned:
        """What is to become of the slot. What cannot be decided says why, and stands in no other
        slot's way."""
        dealt = deal(slot, labelled, seed, self._seen(task.name, slot.labels))
        report = _report(slot, dealt)
        rows = (*slot.people, *slot.llm, *slot.unlabelled)
        planned = Planned(task, dealt, report, rows)
        report["missing"] = missing(dealt, calibrated(task).rules.target, self.heads.confidence)
        if report["missing"]:
            return self._too_few(planned, slot)
        data = _data(slot, labelled)
        try:
            now = self.heads.in_force(task, dealt)
            level = self._level(now, dealt, report)
            head = self.heads.against(now, task, dealt, data, level)
            report["head"] = _head(head)
            adapter = self._adapter(now, head, report, (dealt, data, level))
        except InvalidRequest as error:
            report["state"], report["why"] = "too few rows", error.what.rstrip(".")
            return planned
        except TandemError as error:
            report["state"], report["why"] = "not decided", error.what.rstrip(".")
            report["notes"].append(
                f"the rows count as not used, the next run takes them again. {error.remedy}".strip()
            )
            return planned
        return self._decided(replace(planned, now=now), head, adapter)

    def _level(self, now: InForce, dealt: Dealt, report: SlotReport) -> float:
        """How often the comparison of each candidate may err; see tandem/loop/series.py."""
        slot = (report["task"], dealt.rows.names)
        compared = compared_sum(dealt, tuned=self.adapters is not None)
        series = self.state.compare(slot, compared, [text for text, _ in now.judging])
        candidates = 1 if self.adapters is None else 2
        report["tries"], report["level"] = series.tries, series.level / candidates
        return report["level"]

    def _seen(self, task: str, labels: tuple[str, ...]) -> Seen:
        """What the adapter in force has seen. Where that is not known, calibrating says so."""
        try:
            return seen_in_force(self.services, task, asked_labels(labels))
        except TandemError:
            return NOTHING

    def _decided(
        self, planned: Planned, head: HeadCandidate, adapter: AdapterCandidate | None
    ) -> Planned:
        report, whole = planned.report, adapter.whole if adapter else None
        with_it = whole is not None and whole.decision.put and _ahead(whole, head)
        chosen = whole if with_it and whole else head
        report["state"], report["why"] = "refused", head.decision.why
        if chosen.decision.put:
            report["state"] = "to be put in force" if self.apply else "would change"
            report["promise"] = _promise(chosen, planned.task.name)
        if adapter is not None and whole is not None:
            report["why"] = _why(adapter.card.name, whole, head, with_it=with_it)
            if self.adapters is not None and not (with_it and self.apply):
                self.adapters.dismiss(adapter)
        if not chosen.decision.put and head.duel.before is None:
            report["notes"].append("nothing is promised for these requests, as before")
        put = chosen if chosen.decision.put else None
        return replace(planned, chosen=put, adapter=adapter if with_it else None)

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
        self,
        now: InForce,
        head: HeadCandidate,
        report: SlotReport,
        given: tuple[Dealt, str, float],
    ) -> AdapterCandidate | None:
        if self.adapters is None:
            return None
        task, (dealt, *_) = now.task, given
        target = calibrated(task).rules.target
        right, rows = round(head.head.mean * head.head.n), head.head.n
        bound = lower(right, rows, 1 - Wanted().confidence) if rows else 0.0
        if bound >= target:
            report["adapter"] = _no_adapter(
                f"none was tuned: the head is enough (at least {bound:.3f} right, of {rows}; "
                f"{target:.3f} is asked), and costs milliseconds"
            )
            return None
        try:
            made = self.adapters.run(task.name, dealt, self.privacy)
            report["adapter"] = _adapter(made)
            if made.duel.won:
                made = self.adapters.with_calibration(made, self.heads, now, given)
                report["adapter"] = _adapter(made)
        except InvalidRequest as error:
            if report["adapter"] is None:
                report["adapter"] = _no_adapter(f"none was tuned: {error.what}")
            else:
                report["adapter"]["why"] += f"; with it nothing can be certified: {error.what}"
            return None
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
        "tries": 0,
        "level": 0.0,
        "llm_agreement": None,
        "head": None,
        "adapter": None,
        "state": "too few rows",
        "why": "",
        "promise": "",
        "notes": _caveats(dealt),
    }


def _caveats(dealt: Dealt) -> list[str]:
    moved = [dealt.moved] if dealt.moved else []
    if not dealt.agreement:
        return moved
    return [
        *moved,
        "judged by feedback: people judge what they like to judge (often what went wrong), which "
        "favours the candidate; what is certified is agreement, and nothing is promised",
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
    return {"name": "", "won": False, "why": why, "duel": {}, "whole": None}


def _adapter(made: AdapterCandidate) -> AdapterReport:
    won, found = made.duel.won, made.duel.comparison
    better = f"better ({found.difference.mean:+.3f}, p {found.p:.3f}) than the model as it answers"
    return {
        "name": made.card.name,
        "won": won,
        "why": better if won else challenge.why_not(made.duel),
        "duel": asdict(made.duel),
        "whole": _head(made.whole) if made.whole else None,
    }


def _ahead(whole: HeadCandidate, head: HeadCandidate) -> bool:
    """Whether the adapter is worth it beside the head: that costs milliseconds."""
    if not head.decision.put:
        return True
    ours, theirs = whole.duel.challenger, head.duel.challenger
    return (ours.right.mean, ours.accepted.mean) > (theirs.right.mean, theirs.accepted.mean)


def _why(name: str, whole: HeadCandidate, head: HeadCandidate, *, with_it: bool) -> str:
    if with_it:
        return f"with the adapter {name}: {whole.decision.why}; of the head: {head.decision.why}"
    told = whole.decision.why
    if whole.decision.put:
        told = "the head does as well without it"
    return f"{head.decision.why}; with the adapter {name}, which stays out: {told}"


def _promise(head: HeadCandidate, task: str) -> str:
    after = head.duel.after
    return after.words(task) if after else f"nothing is promised for {task}"
