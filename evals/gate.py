"""The regression gate: quality that falls below the baseline's interval fails.

A baseline holds `{suite: {policy: {"mean", "low", "high", "n"}}}`. It is made of a summary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from tandem.errors import InvalidRequest
from tandem.evals.summary import Spread, Summary


class Figures(TypedDict):
    """A quality and its interval."""

    mean: float
    low: float
    high: float
    n: int


Baseline = dict[str, dict[str, Figures]]
_BASELINE: TypeAdapter[Baseline] = TypeAdapter(Baseline)


class Check(NamedTuple):
    """A suite and policy against the baseline; `baseline` is None where it holds none."""

    suite: str
    policy: str
    now: Spread
    baseline: Figures | None

    @property
    def fell(self) -> bool:
        """Whether quality fell below the baseline's interval."""
        mean = self.now["mean"]
        return self.baseline is not None and (mean is None or mean < self.baseline["low"])


def baseline_of(summary: Summary) -> Baseline:
    """The summary's qualities as a baseline."""
    made: Baseline = {}
    for group in summary["groups"]:
        for policy in group["policies"]:
            quality = policy["quality"]
            if quality["mean"] is None or quality["low"] is None or quality["high"] is None:
                continue
            made.setdefault(group["suite"], {})[policy["policy"]] = {
                "mean": quality["mean"],
                "low": quality["low"],
                "high": quality["high"],
                "n": quality["n"],
            }
    return made


def read_baseline(path: Path) -> Baseline:
    """The baseline of a file, which may also be a summary.

    Raises
    ------
    InvalidRequest: it cannot be read or is neither.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and "groups" in data:
            return baseline_of(data)  # type: ignore[arg-type]
        return _BASELINE.validate_python(data)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InvalidRequest(
            f"{path} is no baseline ({type(error).__name__}).",
            "Give a file that --save-baseline wrote, or a run's summary.json.",
        ) from None


def merge(path: Path, summary: Summary) -> None:
    """Write the summary's qualities into the baseline at `path`; other suites stay."""
    old = read_baseline(path) if path.exists() else {}
    for suite, policies in baseline_of(summary).items():
        old[suite] = {**old.get(suite, {}), **policies}
    path.write_text(json.dumps(old, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check(summary: Summary, baseline: Mapping[str, Mapping[str, Figures]]) -> list[Check]:
    """Each suite and policy of the run against the baseline."""
    return [
        Check(
            group["suite"],
            policy["policy"],
            policy["quality"],
            baseline.get(group["suite"], {}).get(policy["policy"]),
        )
        for group in summary["groups"]
        for policy in group["policies"]
    ]
