"""The audit: rows are gathered, sampled ones looked at, workloads named, judged and ranked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final

from tandem.ledger.report import report as ledger_report
from tandem.loop.audit.acceptance import acceptances
from tandem.loop.audit.counts import Counts
from tandem.loop.audit.draft import CHARS_A_TOKEN
from tandem.loop.audit.figures import Figures
from tandem.loop.audit.gathering import Gathering, Stratum
from tandem.loop.audit.identifiers import Identifiers
from tandem.loop.audit.naming import names_of
from tandem.loop.audit.options import Options
from tandem.loop.audit.parts import Part, parts_of
from tandem.loop.audit.pricing import OTHERS, Pricer
from tandem.loop.audit.profiling import Profiler, Seen, can_embed
from tandem.loop.audit.report import Acceptance, Audit, Range, Saving, Totals, Workload
from tandem.loop.audit.row import LogRow
from tandem.loop.audit.workloads import Judge
from tandem.loop.in_force import in_force
from tandem.nodes.find_task import UNCLEAR_TASK
from tandem.nodes.task import Task
from tandem.services import Services

_LEAST_PROFILED: Final = 5
Progress = Callable[[str, int, int], None]
"""What is done, how many of it are, of how many (0: not known)."""


@dataclass(frozen=True)
class Looked:
    """What was found before it is judged; `blind` says why no text was embedded, if so."""

    gathering: Gathering
    profiler: Profiler
    parts: list[Part]
    blind: str
    withheld: int = 0
    """Rows whose model or task had a name that is not told."""


@dataclass(frozen=True)
class Auditor:
    """Audits rows.

    Parameters
    ----------
    tasks: by name.
    has_ledger: whether this installation's ledger may be asked how often the SLM's answers pass.
    """

    services: Services
    tasks: Mapping[str, Task]
    options: Options
    progress: Progress | None = None
    has_ledger: bool = False

    def look(self, rows: Iterable[LogRow]) -> Looked:
        """Gather `rows`, look at the sampled ones, and tell the workloads apart."""
        gathering = Gathering(self.options, Pricer(self.options.currency))
        identifiers = Identifiers(self.services.detector)
        gathering.add_all(map(identifiers.cleared, self._told(rows)))
        profiler = Profiler(self.services, self.tasks)
        blind = can_embed(self.services)
        parts = list(self._parts(gathering, profiler, blind))
        return Looked(gathering, profiler, parts, blind, identifiers.withheld)

    def judge(self, looked: Looked, counts: Sequence[Counts], note: str = "") -> Audit:
        """The audit: each workload named and judged, in the order of what it saves.

        Parameters
        ----------
        counts: of the logs that were read.
        note: what was assumed of their times.
        """
        gathering, parts = looked.gathering, looked.parts
        names = names_of(parts, self.services.detector, self.options.min_rows)
        frequent = frozenset(_frequent(gathering.total.models, self.options.min_rows))
        judge = Judge(looked.profiler, self.options, self._known(), self.has_ledger, frequent)
        lines = [judge.line(part, name) for part, name in zip(parts, names, strict=True)]
        lines.sort(key=_rank, reverse=True)
        tasks = [part.task or UNCLEAR_TASK for part in parts]
        unlike = next(filter(None, map(judge.not_comparable, tasks)), "")
        blind = looked.blind or looked.profiler.why_blind()
        return {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "currency": self.options.currency,
            "logs": [each.told() for each in counts],
            "totals": _totals(gathering.total, lines),
            "workloads": lines,
            "no_saving": unlike,
            "assumptions": [
                *_assumptions(looked, self.options),
                *filter(None, [note, unlike and f"{unlike}."]),
            ]
            + ([f"No text was embedded, so that tasks are not read: {blind}"] if blind else []),
            "unknown_models": _frequent(gathering.pricer.unknown, self.options.min_rows),
            "other_currencies": dict(gathering.pricer.others.most_common()),
            "pictures": [],
        }

    def _told(self, rows: Iterable[LogRow]) -> Iterator[LogRow]:
        for done, row in enumerate(rows, 1):
            yield row
            if done % 1000 == 0:
                self._tell("rows read", done, 0)

    def _tell(self, what: str, done: int, of: int) -> None:
        if self.progress:
            self.progress(what, done, of)

    def _parts(self, gathering: Gathering, profiler: Profiler, blind: str) -> Iterator[Part]:
        strata = sorted(gathering.strata.values(), key=lambda one: -one.figures.rows)
        prompts = sum(bool(each.prompt) for each in strata)
        share = self.options.most_profiled // max(prompts, 1)
        embedded = min(self.options.profiled, max(_LEAST_PROFILED, share))
        total = sum(len(each.sample.items) for each in strata)
        done = 0
        others: list[Part] = []
        for stratum in strata:
            most = 0 if blind or stratum.task else embedded if stratum.prompt else total
            seen = self._seen(stratum, gathering.pricer, profiler, most)
            done += len(seen)
            self._tell("rows looked at", done, total)
            for part in parts_of(stratum, seen, self.options):
                if part.other:
                    others.append(part)
                else:
                    yield part
        yield from others

    def _seen(self, stratum: Stratum, pricer: Pricer, profiler: Profiler, most: int) -> list[Seen]:
        """The stratum's sampled rows, in any order; `most` of them embedded."""
        rows = list(stratum.sample.items)
        Random(self.options.seed).shuffle(rows)  # noqa: S311  # a reservoir is not in random order
        return [
            profiler.see(row, pricer.price(row), embed=place < most)
            for place, row in enumerate(rows)
        ]

    def _known(self) -> dict[str, Acceptance]:
        report = ledger_report(self.services.ledger) if self.has_ledger else None
        return acceptances(report, in_force(self.services, self.tasks))


def _rank(line: Workload) -> tuple[bool, float, float]:
    """By the lower bound of the saving, then by spend; what saves nothing comes last."""
    spend = line["spend"]["value"] if line["spend"] else 0.0
    saving = line["saving"]
    return saving is not None, saving["low"] if saving else 0.0, spend


def _totals(figures: Figures, lines: Sequence[Workload]) -> Totals:
    return {
        "rows": figures.rows,
        "spend": figures.spend,
        "priced": figures.priced,
        "given": figures.given,
        "errors": figures.errors,
        "without_text": figures.without_text,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
        "estimated": figures.estimated,
        "saving": _sum_of([line["saving"] for line in lines if line["saving"]]),
        "first": figures.first.isoformat() if figures.first else None,
        "until": figures.until.isoformat() if figures.until else None,
    }


def _sum_of(savings: Sequence[Saving]) -> Range | None:
    """All bounds at once: wider than the sum's own interval, never too narrow."""
    if not savings:
        return None
    return {
        "value": sum(one["value"] for one in savings),
        "low": sum(one["low"] for one in savings),
        "high": sum(one["high"] for one in savings),
        "n": len(savings),
    }


def _frequent(names: Counter[str], least: int) -> dict[str, int]:
    """Rows by name, the most first; names of fewer than `least` rows are told as others."""
    told = {name: rows for name, rows in names.most_common() if rows >= least and name != OTHERS}
    rest = names.total() - sum(told.values())
    return told | ({OTHERS: rest} if rest else {})


def _assumptions(looked: Looked, options: Options) -> list[str]:
    gathering = looked.gathering
    figures, told = gathering.total, []
    if looked.withheld:
        told.append(
            f"{looked.withheld:,} rows name a model or a task in a way that may tell of somebody: "
            "the name is not told, and such rows have no list price."
        )
    if figures.estimated:
        told.append(
            f"Tokens of {figures.estimated:,} rows are estimated at {CHARS_A_TOKEN} characters "
            "each."
        )
    if listed := figures.priced - figures.given:
        told.append(f"{listed:,} rows are priced at list prices; discounts and caching are not in.")
    if figures.partly:
        told.append(
            f"{figures.partly:,} rows lack the tokens of one side: their cost is a lower bound."
        )
    if unpriced := figures.rows - figures.priced:
        told.append(f"{unpriced:,} rows have no price and are in no sum of money.")
    if gathering.joined:
        told.append(
            f"{gathering.joined:,} system prompts of fewer than {options.min_rows} rows are "
            "taken together with the rows that have none."
        )
    if gathering.refused:
        told.append(
            f"More than {options.most_prompts:,} system prompts: {gathering.refused:,} rows are "
            "counted with those that have none, and rarer prompts may be told too small."
        )
    if any(not each.sample.whole for each in gathering.strata.values()):
        told.append(
            "Sensitivity, tasks and volumes with an interval come from uniform samples; the "
            "intervals are Wilson's, of 95 %."
        )
    told.append("An answer that passes the check is taken to be as good as the LLM's.")
    return told
