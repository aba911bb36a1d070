"""The report of a run: Markdown for people, JSON for programs, pictures where they can be drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tandem.evals import pictures
from tandem.evals.failures import Confusion, Failure, confusion, worst
from tandem.evals.markdown import confusion_text, failures_text, group_text
from tandem.evals.result import Result
from tandem.evals.suite import Suite
from tandem.evals.summary import ALL, Group, Summary

REPORTS: Final = "reports"
"""The folder of reports beside a run's results."""
NO_PICTURES: Final = "No pictures: install the extra `eval` (`pip install 'tandem-lm[eval]'`)."
_READING: Final = (
    "Quality is the mean of each suite's primary score over all rows; a row that was not served "
    "counts 0. Intervals are of 95 %. *List price* is cost at the set prices, *compute* the "
    "seconds that models worked; both relative to `llm_only` on the same rows where it was run "
    "(`~` marks an estimate from tokens). The oracle is computed: for each row the cheapest tier "
    "that was right."
)


@dataclass(frozen=True)
class Report:
    """What is told of a run.

    Parameters
    ----------
    summary: the run's figures.
    results: the rows that they were made of.
    suites: by name.
    """

    summary: Summary
    results: Sequence[Result]
    suites: Mapping[str, Suite]

    @property
    def name(self) -> str:
        """`<date>-<suite>`."""
        return f"{self.summary['created'][:10]}-{Path(self.summary['suite']).stem}"

    @property
    def failures(self) -> list[Failure]:
        """The worst rows of `tandem`, or of the first policy."""
        policy = self._first()
        primary = {name: suite.primary for name, suite in self.suites.items()}
        return worst([one for one in self.results if one["policy"] == policy], primary)

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
                if matrix := confusion(suite.name, policy, rows):
                    made.append(matrix)
        return made

    def write(self, folder: Path) -> Path:
        """Write the report below `folder`; the Markdown file. A report of the same day and suite
        is written anew."""
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
        path.write_text(self._markdown(drawn), encoding="utf-8")
        return path

    def _draw(self, folder: Path) -> dict[str, str]:
        """Title -> file name of each picture."""
        drawn: dict[str, str] = {}

        def path(title: str, kind: str) -> Path:
            drawn[title] = f"{self.name}-{kind}.png"
            return folder / drawn[title]

        currency = self.summary["currency"]
        for group in self.summary["groups"]:
            where = path(f"{group['suite']}: cost against quality", f"cost-{group['suite']}")
            pictures.cost_quality(group, currency, where)
        for policy in self._policies():
            rows = [one for one in self.results if one["policy"] == policy]
            if by_task := _seconds_by(rows, "task"):
                where = path(f"{policy}: seconds a task", f"seconds-{_plain(policy)}")
                pictures.latencies(by_task, f"{policy}: seconds a request, by task", where)
        if by_tier := _seconds_by([one for one in self.results if one["tier"]], "tier"):
            where = path("Seconds by the tier that answered", "seconds-tiers")
            pictures.latencies(by_tier, "Seconds a request, by who answered", where)
        for matrix in self.confusions:
            if len(matrix["labels"]) > pictures.MOST_LABELS:
                continue
            kind = f"confusion-{matrix['suite']}-{_plain(matrix['policy'])}"
            where = path(f"{matrix['suite']} under {matrix['policy']}: confusion", kind)
            pictures.confusion_matrix(matrix, where)
        return drawn

    def _markdown(self, drawn: Mapping[str, str]) -> str:
        parts = [self._head(), _READING]
        for group in self._ordered():
            parts.append(group_text(group))
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
            f"# {summary['suite']}",
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


def _seconds_by(rows: Sequence[Result], key: str) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {}
    for one in rows:
        if one["seconds"] > 0:
            told: dict[str, Any] = {**one}
            seconds.setdefault(str(told[key]), []).append(one["seconds"])
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
