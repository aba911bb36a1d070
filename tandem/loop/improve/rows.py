"""Collected runs as rows to learn from: read as their task reads them, sensitive ones treated,
repeats and contradictions taken out. All that is left out is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tandem.errors import TandemError
from tandem.ledger.store import Ledger
from tandem.loop.improve.collecting import BY_LLM, By, Found, failed_or_judged
from tandem.loop.measuring import profile_of
from tandem.loop.tune.learning import Privacy
from tandem.nodes.labels import LabelTask
from tandem.privacy.detectors import highest
from tandem.quality.calibration.examples import same_key
from tandem.records import Profile, Request, Sensitivity
from tandem.routing.policy import LlmAccess
from tandem.routing.rules import facts_of, first_match
from tandem.services import Services

Slot = tuple[str, tuple[str, ...]]
"""A task and its labels, sorted."""


@dataclass(frozen=True)
class Row:
    """A request and, where it is known, its label; see Found.

    Parameters
    ----------
    labels: in the request's order. sensitivity: of the request as it came, masked or not.
    public: whether a public LLM may see it: its run could have gone to the LLM, it is not
        sensitive, and no rule forbids it.
    """

    run_id: str
    task: str
    tenant: str
    text: str
    labels: tuple[str, ...]
    label: str | None
    by: By
    wrong: str | None
    moment: float
    sensitivity: Sensitivity
    public: bool
    gates: tuple[str, ...]
    failed: bool

    @property
    def slot(self) -> Slot:
        """What it can teach."""
        return self.task, tuple(sorted(self.labels))


@dataclass(frozen=True)
class Collected:
    """Rows by time, and what became of all runs. `counts` is in words of the report."""

    rows: tuple[Row, ...]
    counts: Mapping[str, int]

    @property
    def without_any_text(self) -> bool:
        """Whether there are runs to learn from, and the ledger kept the text of none."""
        return bool(self.counts["runs"]) and self.counts["runs"] == self.counts["without_text"]


@dataclass(frozen=True)
class Collector:
    """Collects the rows of label tasks.

    Parameters
    ----------
    ledger: the user's own. tasks: those to collect for. privacy: what becomes of sensitive rows.
    """

    services: Services
    ledger: Ledger
    tasks: Mapping[str, LabelTask]
    privacy: Privacy

    def collect(self, until: float | None = None) -> Collected:
        """All rows, or those whose moment is at most `until` (Unix seconds).

        Raises
        ------
        LedgerError: the ledger cannot be read.
        """
        counts: Counter[str] = Counter()
        found = failed_or_judged(self.ledger, self.tasks)
        wanted = (one for one in found if until is None or one.moment <= until)
        rows = tuple(self._rows(wanted, counts))
        return Collected(rows, counts)

    def _rows(self, found: Iterable[Found], counts: Counter[str]) -> Iterator[Row]:
        for one in found:
            counts["runs"] += 1
            made = self._row(one)
            if isinstance(made, str):
                counts[made] += 1
            else:
                counts["masked"] += made.sensitivity not in self.privacy.open_to
                yield made

    def _row(self, found: Found) -> Row | str:
        """The row, or by which count it is left out."""
        request = found.request
        if request is None or not self._common(found.tenant):
            return "without_text" if request is None else "of_tenants_apart"
        task = self.tasks[found.task]
        try:
            profile = profile_of(self.services, task.name, request)
            prepared = task.prepare(request, profile)
        except TandemError:
            return "unreadable"
        text, labels = str(prepared["text"]), tuple(prepared["labels"])
        if found.label is not None and found.label not in labels:
            return "outside_labels"
        level = highest((found.sensitivity, profile["sensitivity"], self.privacy.level(text)))
        treated = text if level in self.privacy.open_to else self.privacy.treated(text)
        if treated is None or not treated.strip():
            return "unreadable" if treated is not None else "sensitive_left_out"
        open_ = self._open(request, {**profile, "tenant": found.tenant}, level)
        return Row(
            run_id=found.run_id,
            task=found.task,
            tenant=found.tenant,
            text=treated,
            labels=labels,
            label=found.label,
            by=found.by,
            wrong=found.wrong,
            moment=found.moment,
            sensitivity=level,
            public=found.may_escalate and open_,
            gates=found.gates,
            failed=found.failed,
        )

    def _open(self, request: Request, profile: Profile, level: Sensitivity) -> bool:
        settings = self.services.settings
        seen = settings.privacy.public_may_see
        access = LlmAccess(llm_is_private=False, public_may_see=("none", *seen))
        rule = first_match(settings.policy, facts_of(request, profile))
        return access.tightened(rule).allows(level) and not (rule and rule.refuse)

    def _common(self, tenant: str) -> bool:
        """Whether what is learnt from the tenant's rows may answer others."""
        try:
            return self.services.shares(tenant)
        except TandemError:
            return False


@dataclass(frozen=True)
class SlotRows:
    """The different rows of one slot. `labels` are in the newest request's order; `llm` holds what
    the LLM labelled, bought or not."""

    task: str
    labels: tuple[str, ...]
    people: tuple[Row, ...]
    llm: tuple[Row, ...]
    unlabelled: tuple[Row, ...]
    repeats: int
    contradictory: int


def by_slot(rows: Sequence[Row]) -> dict[Slot, SlotRows]:
    """The rows of each slot, one a text. People's labels go before the LLM's; a text to which
    people (or, without them, the LLM) gave two labels is left out."""
    grouped: dict[Slot, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        grouped[row.slot][same_key(row.text)].append(row)
    return {slot: _slot(slot, list(texts.values())) for slot, texts in sorted(grouped.items())}


def _slot(slot: Slot, texts: Sequence[Sequence[Row]]) -> SlotRows:
    kept: dict[By, list[Row]] = {"people": [], "llm": [], "bought": [], "": []}
    repeats = contradictory = 0
    newest = max((row for rows in texts for row in rows), key=lambda row: row.moment)
    for rows in texts:
        best = [row for row in rows if row.by == "people"] or [
            row for row in rows if row.by in BY_LLM
        ]
        if len({row.label for row in best}) > 1:
            contradictory += len(rows)
            continue
        repeats += len(rows) - 1
        chosen = (best or list(rows))[-1]
        wrong = next((row.wrong for row in rows if row.wrong), None)
        if chosen.by in BY_LLM and wrong == chosen.label:
            contradictory += 1
            continue
        kept[chosen.by].append(replace(chosen, wrong=wrong))
    return SlotRows(
        task=slot[0],
        labels=newest.labels,
        people=tuple(kept["people"]),
        llm=(*kept["llm"], *kept["bought"]),
        unlabelled=tuple(kept[""]),
        repeats=repeats,
        contradictory=contradictory,
    )
