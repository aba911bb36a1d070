"""How far a judge can be believed: its agreement with labels that people gave.

The labelled texts are `datasets/judge_labels.jsonl`: answers to rows of the committed suites, half
of them good, half spoilt in a stated way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tandem.evals.case import Case, read_rows
from tandem.evals.evaluators.judge import Judge
from tandem.evals.loading import load_cases
from tandem.stats import Interval, wilson

LABELS: Final = Path(__file__).parent / "datasets" / "judge_labels.jsonl"


@dataclass(frozen=True)
class Label:
    """A text that somebody judged: for which case, whether it is good, else what its fault is."""

    case: Case
    text: str
    good: bool
    fault: str


@dataclass(frozen=True)
class Agreement:
    """A judge against labels."""

    n: int
    agreed: int
    """Labels that the judge gave too; where it gave no verdict it did not agree."""
    no_verdict: int
    called_good: int
    kappa: float
    """Cohen's: 0 is what chance would bring, 1 is complete. No verdict is a verdict of its own."""

    @property
    def share(self) -> Interval:
        """The raw share of agreement, with its interval."""
        return wilson(self.agreed, self.n)

    def told(self, least: float) -> str:
        """The agreement in words; below a kappa of `least`, that its scores are not to be
        believed."""
        believed = (
            "its scores are an indication"
            if self.kappa >= least
            else "its scores are NOT to be believed"
        )
        share = self.share
        return (
            f"the judge agrees with {self.agreed} of {self.n} labels ({share.mean:.0%}, "
            f"{share.low:.0%} to {share.high:.0%}), kappa {self.kappa:.2f}, bar {least}: {believed}"
        )


def read_labels(path: Path = LABELS) -> list[Label]:
    """The labelled texts.

    Raises
    ------
    InvalidRequest: the file cannot be read, or a row names no case of a suite.
    """
    cases: dict[str, dict[str, Case]] = {}
    made = []
    for row in read_rows(path):
        suite = str(row.data.get("suite", ""))
        if suite not in cases:
            cases[suite] = {case["id"]: case for case in load_cases(suite).cases}
        case = cases[suite].get(str(row.data.get("case")))
        text, good = row.data.get("text"), row.data.get("good")
        if case is None or not isinstance(text, str) or not isinstance(good, bool):
            raise row.bad("a label needs `suite`, `case` (of that suite), `text` and `good`")
        made.append(Label(case, text, good, str(row.data.get("fault", ""))))
    return made


def agreement(
    judge: Judge, labels: Sequence[Label], progress: Callable[[], Any] = lambda: None
) -> Agreement:
    """Ask `judge` about each labelled text. Raises as the judge does."""
    verdicts = []
    for label in labels:
        expected = {"expected": label.case["expected"]}
        score = judge({"output": label.text}, expected, label.case)["score"]
        verdicts.append("none" if score is None else "good" if score else "bad")
        progress()
    meant = ["good" if label.good else "bad" for label in labels]
    return Agreement(
        n=len(labels),
        agreed=sum(a == b for a, b in zip(meant, verdicts, strict=True)),
        no_verdict=verdicts.count("none"),
        called_good=verdicts.count("good"),
        kappa=cohen_kappa(meant, verdicts),
    )


def cohen_kappa(a: Sequence[str], b: Sequence[str]) -> float:
    """Agreement of two raters beyond what chance would bring (Cohen, 1960); 1 where both say one
    and the same thing throughout."""
    from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

    if len({*a, *b}) == 1:
        return 1.0
    return float(cohen_kappa_score(a, b))
