"""A workload's line of the report, out of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tandem.loop.audit.acceptance import of_task
from tandem.loop.audit.currencies import not_comparable
from tandem.loop.audit.figures import Figures
from tandem.loop.audit.options import Options
from tandem.loop.audit.parts import Part
from tandem.loop.audit.pricing import OTHERS
from tandem.loop.audit.profiling import Goes, Profiler, Seen
from tandem.loop.audit.report import Acceptance, Destination, Need, Range, Saving, Workload
from tandem.loop.audit.saving import Movable, rows_to_label, saving
from tandem.models.prices import Tariff, tariff
from tandem.nodes.find_task import UNCLEAR_TASK
from tandem.stats import Interval, wilson

SLM_ALONE: Final = 0.95
"""Where at least this share is known to be accepted, the LLM is hardly needed."""
_WORDS: Final[Mapping[Goes, Destination]] = {
    "slm": "SLM with check",
    "llm": "LLM",
    "private": "private only",
    "refused": "refused by a rule",
}
TOP_MODELS: Final = 3


@dataclass(frozen=True)
class Judge:
    """Makes a line of each part.

    Parameters
    ----------
    known: acceptances by task. frequent: names of models that may be told.
    """

    profiler: Profiler
    options: Options
    known: Mapping[str, Acceptance]
    has_ledger: bool = False
    frequent: Collection[str] = ()

    def line(self, part: Part, name: str) -> Workload:
        """The line of `part`."""
        figures, scale, task = part.figures, part.scale, part.task or UNCLEAR_TASK
        need = need_of(figures, part.whole)
        # Nothing is said of what rows without a text ask for, nor of where they should go.
        judged = () if part.silent else part.seen
        goes = Counter(self.profiler.goes(each, task, need["latency"]) for each in judged)
        checked = [each for each in part.seen if each.checked]
        acceptance = of_task(self.known, task) if goes["slm"] else None
        movable = _movable(part, figures, goes["slm"])
        made = self._saving(task, figures, movable, acceptance)
        unsettled = made and acceptance and not acceptance["known"]
        complexities = [
            c for each in judged if (c := self.profiler.complexity(each, task)) is not None
        ]
        return {
            "name": name,
            "told_by": _told_by(part),
            "prompt": part.stratum.prompt,
            "task": "not known" if part.silent else part.task or "several",
            "task_share": part.task_share,
            "rows": _range(part.volume),
            "spend": _spend(part, figures),
            "unpriced": 1 - figures.priced / max(figures.rows, 1),
            "errors": figures.errors / max(figures.rows, 1),
            "input_tokens": figures.input_tokens / max(figures.counted_input, 1),
            "output_tokens": figures.output_tokens / max(figures.counted_output, 1),
            "sensitive": _sensitive(checked),
            "levels": dict(Counter(each.sensitivity for each in checked)),
            "p50": figures.seconds.quantile(0.5),
            "p95": figures.seconds.quantile(0.95),
            "need": need,
            "complexity": sum(complexities) / len(complexities) if complexities else None,
            "destination": _destination(goes, acceptance),
            "goes": {_WORDS[where]: count / len(judged) for where, count in goes.most_common()},
            "models": self._models(figures, scale),
            "acceptance": acceptance,
            "saving": made,
            "rows_to_label": rows_to_label(
                made, acceptance, self.options.target, self.options.confidence
            )
            if unsettled and made and acceptance
            else None,
            "unknown": self._unknown(part, figures, task, made, acceptance),
        }

    def _models(self, figures: Figures, scale: float) -> dict[str, int]:
        """Rows by model, the most first."""
        counts: Counter[str] = Counter()
        for model, count in figures.models.items():
            counts[model if model in self.frequent else OTHERS] += count
        return {model: round(scale * n) for model, n in counts.most_common(TOP_MODELS)}

    def _saving(
        self, task: str, figures: Figures, movable: Movable, acceptance: Acceptance | None
    ) -> Saving | None:
        if acceptance is None or not figures.priced or not figures.counted_input:
            return None
        if self.not_comparable(task):
            return None
        return saving(
            movable,
            figures.spend / figures.priced,
            self.slm_tariff(task).cost(
                {
                    "input_tokens": round(figures.input_tokens / figures.counted_input),
                    "output_tokens": round(figures.output_tokens / max(figures.counted_output, 1)),
                },
                self._slm_seconds(task),
            ),
            acceptance,
        )

    def not_comparable(self, task: str) -> str:
        """Why the SLM's costs cannot be set against the log's, in words; empty where they can."""
        if self.slm_tariff(task) == Tariff():
            return ""  # nothing is nothing in any currency
        return not_comparable(self.options.currency, self.profiler.services.settings.currency)

    def slm_tariff(self, task: str) -> Tariff:
        """What the SLM that answers `task` first costs."""
        settings = self.profiler.services.settings
        return tariff(settings.models[settings.chain("slm", task)[0]].price)

    def _slm_seconds(self, task: str) -> float:
        """Median seconds of the SLM's answers, by the ledger; 0 where none is known."""
        if not (self.has_ledger and self.slm_tariff(task).per_second):
            return 0.0
        speed = self.profiler.services.speeds.of(task).get("slm")
        return speed.p50 if speed else 0.0

    def _unknown(
        self,
        part: Part,
        figures: Figures,
        task: str,
        made: Saving | None,
        acceptance: Acceptance | None,
    ) -> list[str]:
        rates, told = self.slm_tariff(task), []
        if acceptance and not acceptance["known"]:
            told.append("how often the SLM's answers pass the check")
        if not any(each.checked for each in part.seen):
            told.append("how sensitive its rows are: the log has no text of them")
        if doubtful := sum(each.in_doubt for each in part.seen):
            told.append(
                f"whether {doubtful} of the {len(part.seen)} rows looked at are sensitive: of more "
                f"than {self.options.looked_chars:,} characters the rest was not searched"
            )
        if part.task_share is None and not part.stratum.task:
            told.append("which task it is")
        if acceptance and not figures.priced:
            told.append("what it costs: no row has a cost or a model with a list price")
        if acceptance and figures.priced and (why := self.not_comparable(task)):
            told.append(f"what it saves: {why}")
        if figures.partly or figures.counted_output < figures.rows:
            told.append("the output tokens of some rows, so that their cost is too low")
        if made and rates == Tariff():
            told.append("what the SLM costs: the settings give it no price, it counts as free")
        elif made and rates.per_second and not self._slm_seconds(task):
            told.append("how long the SLM works on a row, so that its cost is too low")
        return told


def need_of(figures: Figures, whole: bool) -> Need:
    """Whether somebody waits: as declared, else by how requests follow each other."""
    if figures.needs:
        latency, count = figures.needs.most_common(1)[0]
        return {"latency": latency, "why": f"declared by {count} rows"}
    arrivals = figures.arrivals
    if not whole or arrivals.gaps < 10:
        return {"latency": "realtime", "why": "assumed: too few rows in order of time to tell"}
    if 2 * arrivals.together >= arrivals.gaps:
        share = arrivals.together / arrivals.gaps
        return {"latency": "async", "why": f"{share:.0%} begin in the same moment as another"}
    if 2 * arrivals.close >= arrivals.gaps and arrivals.overlapping <= 0.1 * arrivals.close:
        share = arrivals.close / arrivals.gaps
        return {"latency": "async", "why": f"{share:.0%} begin right after the one before ended"}
    return {"latency": "realtime", "why": "assumed: requests come independently of each other"}


def _movable(part: Part, figures: Figures, to_slm: int) -> Movable:
    """Rows that the policy sends to the SLM first, without failed ones and those that went there
    already."""
    share = wilson(to_slm, len(part.seen))
    if part.exact and len(part.seen) == figures.rows:
        share = Interval(share.mean, share.mean, share.mean, share.n)
    left = 1 - (figures.errors + figures.local) / max(figures.rows, 1)
    volume = part.volume
    kept = max(0.0, left)
    return Movable(
        kept * volume.mean * share.mean,
        kept * volume.low * share.low,
        kept * volume.high * share.high,
    )


def _spend(part: Part, figures: Figures) -> Range | None:
    """Of an estimated volume it varies as the volume does; what rows vary in cost comes on top and
    is not in the interval."""
    if not figures.priced:
        return None
    volume, spend = part.volume, figures.spend * part.scale
    factor = spend / volume.mean if volume.mean else 0.0
    return {
        "value": spend,
        "low": factor * volume.low,
        "high": factor * volume.high,
        "n": figures.priced,
    }


def _destination(goes: Counter[Goes], acceptance: Acceptance | None) -> Destination:
    """Where most of its rows go."""
    if not goes:
        return "not known"
    where = goes.most_common(1)[0][0]
    alone = acceptance and acceptance["known"] and acceptance["low"] >= SLM_ALONE
    return "SLM" if where == "slm" and alone else _WORDS[where]


def _told_by(part: Part) -> str:
    if part.other:
        return "rows of no workload large enough"
    if part.silent:
        return "rows without a text"
    if part.stratum.task:
        return "declared task"
    if not part.whole or not part.stratum.prompt:
        alike = "texts that are alike"
        return f"{alike}, of one system prompt" if part.stratum.prompt else alike
    return "system prompt"


def _sensitive(checked: Sequence[Seen]) -> Range:
    """The share of sensitive rows; those of which a part was not searched count in the upper bound
    only."""
    found = sum(each.sensitive for each in checked)
    least = wilson(found, len(checked))
    most = wilson(found + sum(each.in_doubt for each in checked), len(checked))
    return _range(least._replace(high=most.high))


def _range(interval: Interval) -> Range:
    return {
        "value": interval.mean if interval.n else 0.0,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
    }
