"""The regression gate: quality that falls below the baseline's interval fails.

A baseline holds `{run: {suite: {policy: {"mean", "low", "high", "n"}}}}`. It is made of a summary;
`run` is the suite that was asked for, since a mixture holds other rows of a suite than the suite.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

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


Qualities = dict[str, dict[str, Figures]]
"""By suite and policy."""
Baseline = dict[str, Qualities]
"""By run."""
_BASELINE: TypeAdapter[Baseline] = TypeAdapter(Baseline)
_NOTHING: Final[Spread] = {"mean": None, "low": None, "high": None, "n": 0}


class Check(NamedTuple):
    """A suite and policy against the baseline; `baseline` is None where it holds none."""

    suite: str
    policy: str
    now: Spread
    baseline: Figures | None

    @property
    def fell(self) -> bool:
        """Whether quality fell below the baseline's interval, or its rows were not run at all."""
        mean = self.now["mean"]
        return self.baseline is not None and (mean is None or mean < self.baseline["low"])


def baseline_of(summary: Summary) -> Baseline:
    """The summary's qualities as a baseline."""
    made: Qualities = {}
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
    return {_run(summary): made}


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
    """Write the summary's qualities into the baseline at `path`; other runs and policies stay."""
    baseline = read_baseline(path) if path.exists() else {}
    for run, suites in baseline_of(summary).items():
        old = baseline.setdefault(run, {})
        for suite, policies in suites.items():
            old[suite] = {**old.get(suite, {}), **policies}
    path.write_text(json.dumps(baseline, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def check(summary: Summary, baseline: Baseline) -> list[Check]:
    """Each suite and policy of the run against the baseline, then what the run lacks of it.

    Raises
    ------
    InvalidRequest: the baseline knows nothing of the run, so that nothing could fall below it.
    """
    known = baseline.get(_run(summary), {})
    policies = {one["policy"] for group in summary["groups"] for one in group["policies"]}
    if not policies & {policy for figures in known.values() for policy in figures}:
        raise InvalidRequest(
            f"The baseline holds nothing of {_run(summary)} under these policies.",
            "Name the run that it was made of, or add this one by --save-baseline.",
        )
    checks = [
        Check(
            group["suite"],
            policy["policy"],
            policy["quality"],
            known.get(group["suite"], {}).get(policy["policy"]),
        )
        for group in summary["groups"]
        for policy in group["policies"]
    ]
    done = {(one.suite, one.policy) for one in checks}
    return checks + [
        Check(suite, policy, _NOTHING, figures)
        for suite, of_policies in known.items()
        for policy, figures in of_policies.items()
        if policy in policies and (suite, policy) not in done
    ]


def _run(summary: Summary) -> str:
    """What was run, whether it was asked for by its name or by its file."""
    return Path(summary["suite"]).stem
