"""The report of a run: Markdown for people, JSON for programs, pictures where they can be drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tandem.errors import InvalidRequest
from tandem.evals import pictures
from tandem.evals.failures import Confusion, Failure, confusion, worst
from tandem.evals.markdown import (
    confusion_text,
    costs_text,
    failures_text,
    group_text,
    mixing_text,
    seconds_text,
)
from tandem.evals.result import Result, answered_by
from tandem.evals.suite import Suite
from tandem.evals.summary import ALL, Group, Summary
from tandem.privacy.checked import Scan
from tandem.privacy.detectors import scan

REPORTS: Final = "reports"
"""The folder of reports beside a run's results."""
NO_PICTURES: Final = (
    "No pictures: install the extra `eval` (`make dev`, or `pip install -e '.[eval]'` in a "
    "checkout)."
)
NOT_SERVED: Final = "not served"
_LEAST: Final = 0.001
"""Seconds."""
_READING: Final = (
    "Quality is the mean of each suite's primary score over all rows; a row that was not served "
    "counts 0. Intervals are of 95 %. *List price* is cost at the prices above, *compute* the "
    "seconds that models worked; both relative to `llm_only` on the same rows (`~`: estimated from "
    "tokens, where it did not do all of them). *Faster than LLM* is the median of `llm_only` over "
    "the policy's, on the same rows. The oracle is computed: for each row the cheapest tier that "
    "was right. Seconds are those measured when the model really answered."
)


@dataclass(frozen=True)
class Report:
    """What is told of a run.

    Parameters
    ----------
    summary: the run's figures.
    results: the rows that they were made of.
    suites: by name.
    scan: finds what is sensitive in the texts that are shown; it is masked.
    """

    summary: Summary
    results: Sequence[Result]
    suites: Mapping[str, Suite]
    scan: Scan = scan

    @property
    def name(self) -> str:
        """`<date>-<suite>`."""
        return f"{self.summary['created'][:10]}-{Path(self.summary['suite']).stem}"

    @property
    def failures(self) -> list[Failure]:
        """The worst rows of `tandem`, or of the first policy."""
        policy = self._first()
        primary = {name: suite.primary for name, suite in self.suites.items()}
        return worst(self.results, primary, policy, scan=self.scan)

    @property
    def confusions(self) -> list[Confusion]:
        """A matrix a label suite and policy."""
        made = []
        for suite in self.suites.values():
            if suite.primary != "label_match":
                continue
            for policy in self._policies():
                rows = [
                    one
                    for one in self.results
                    if one["suite"] == suite.name and one["policy"] == policy
                ]
                labels = suite.request.get("labels", [])
                if matrix := confusion(suite.name, policy, rows, labels):
                    made.append(matrix)
        return made

    def write(self, folder: Path) -> Path:
        """Write the report below `folder`; the Markdown file. A report of the same day and suite
        is written anew.

        Raises
        ------
        InvalidRequest: `folder` cannot be written.
        """
        try:
            return self._write(folder)
        except OSError as error:
            raise InvalidRequest(
                f"{folder} cannot be written: {error.strerror}; the results are kept.",
                "Give another --report.",
            ) from None

    def _write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            "summary": self.summary,
            "failures": self.failures,
            "confusions": self.confusions,
        }
        text = json.dumps(told, indent=2, ensure_ascii=False)
        (folder / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")
        drawn = self._draw(folder) if pictures.available() else {}
        path = folder / f"{self.name}.md"
        path.write_text(self.markdown(drawn), encoding="utf-8")
        return path

    def _draw(self, folder: Path) -> dict[str, str]:
        """Title -> file name of each picture."""
        drawn: dict[str, str] = {}

        def path(title: str, kind: str) -> Path:
            drawn[title] = f"{self.name}-{kind}.png"
            return folder / drawn[title]

        currency = self.summary["currency"]
        groups = self._ordered()
        where = path("Cost against quality", "cost")
        pictures.cost_quality(groups[0], currency, where)
        if len(groups) > 1:
            where = path("Cost against quality, by suite", "cost-suites")
            pictures.cost_quality_by_suite(groups[1:], currency, where)
        if timed := [one for one in self.results if not one["error"]]:
            by_task = _seconds(timed, lambda one: (one["task"], one["policy"]))
            where = path("Seconds by task", "seconds-tasks")
            pictures.latencies(by_task, "Seconds of a request, by task and policy", where)
            by_tier = _seconds(timed, lambda one: (one["policy"], answered_by(one) or NOT_SERVED))
            where = path("Seconds by tier", "seconds-tiers")
            pictures.latencies(by_tier, "Seconds of a request, by policy and who answered", where)
        for matrix in self.confusions:
            if len(matrix["labels"]) > pictures.MOST_LABELS:
                continue
            kind = f"confusion-{matrix['suite']}-{_plain(matrix['policy'])}"
            where = path(f"{matrix['suite']} under {matrix['policy']}: confusion", kind)
            pictures.confusion_matrix(matrix, where)
        return drawn

    def markdown(self, drawn: Mapping[str, str] = MappingProxyType({})) -> str:
        """The report in Markdown, with the pictures `drawn`: file name by title."""
        parts = [self._head(), _READING]
        groups = self._ordered()
        parts += [group_text(group) for group in groups]
        parts += [text] if (text := mixing_text(groups)) else []
        parts.append(costs_text(groups, self.summary["currency"]))
        if groups:
            parts.append(seconds_text(groups[0]))
        parts += [confusion_text(each) for each in self.confusions]
        parts.append(failures_text(self.failures, self._first()))
        if drawn:
            parts.append("## Pictures")
            parts += [f"![{title}]({file})" for title, file in drawn.items()]
        else:
            parts.append(NO_PICTURES)
        return "\n\n".join(parts) + "\n"

    def _head(self) -> str:
        summary = self.summary
        settings = summary["settings"]
        lines = [
            f"# {Path(summary['suite']).stem}",
            "",
            f"- made: {summary['created']}, code {summary['revision'] or 'unknown'}, "
            f"settings {settings.get('fingerprint', 'unknown')}",
        ]
        for name, model in settings.get("models", {}).items():
            lines.append(
                f"- model {name}: {model.get('model') or 'own file'}, "
                f"{'private' if model.get('private') else 'public'}, "
                f"priced {_priced(model.get('price', {}))}"
            )
        return "\n".join([*lines, *(f"- note: {notice}" for notice in summary["notices"])])

    def _ordered(self) -> list[Group]:
        """The whole mixture first."""
        return sorted(self.summary["groups"], key=lambda group: group["suite"] != ALL)

    def _policies(self) -> list[str]:
        return list(dict.fromkeys(one["policy"] for one in self.results))

    def _first(self) -> str:
        policies = self._policies()
        return "tandem" if "tandem" in policies else next(iter(policies), "")


def _seconds(
    rows: Sequence[Result], names: Callable[[Result], tuple[str, str]]
) -> dict[str, dict[str, list[float]]]:
    """Seconds by the two names of each row."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for one in rows:
        first, second = names(one)
        # The axis is logarithmic.
        seconds.setdefault(first, {}).setdefault(second, []).append(max(one["seconds"], _LEAST))
    return seconds


def _plain(policy: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in policy)


def _priced(price: Mapping[str, Any]) -> str:
    if price.get("priced_as"):
        return f"as {price['priced_as']}"
    return (
        f"{price.get('per_million_input', 0)}/{price.get('per_million_output', 0)} per million "
        f"tokens, {price.get('per_second', 0)} per second"
    )
