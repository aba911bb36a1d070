"""What an upload came to, and the figures that go with an experiment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tandem.evals.summary import PolicySummary, Spread


@dataclass(frozen=True)
class Experiment:
    """What one policy's experiment came to."""

    policy: str
    name: str
    sent: int
    """Rows that were sent now."""
    before: int
    """Rows that had been sent before."""
    withheld: int
    """Rows that may not leave, not even masked."""
    unfinished: int
    """Rows that the next run of the suite tries again, and that are uploaded then."""


@dataclass(frozen=True)
class Uploaded:
    """What an upload came to."""

    dataset: str
    url: str
    examples: int
    withheld: int
    """Cases that may not leave: they are in no experiment."""
    experiments: list[Experiment]


def told(uploaded: Uploaded) -> list[str]:
    """The upload in words, a line a thing."""
    where = f" ({uploaded.url})" if uploaded.url else ""
    lines = [f"LangSmith dataset {uploaded.dataset}{where}: {uploaded.examples} examples"]
    for one in uploaded.experiments:
        line = f"experiment {one.name}: {one.sent} rows sent"
        if one.before:
            line += f", {one.before} were there"
        if one.unfinished:
            line += f", {one.unfinished} follow once they are finished"
        lines.append(line)
    most = max((one.withheld for one in uploaded.experiments), default=0)
    if most:
        lines.append(
            f"withheld, since they cannot be masked with certainty: up to {most} rows each"
        )
    return lines


def figures_of(one: PolicySummary, row_scores: Collection[str]) -> dict[str, Spread]:
    """What LangSmith cannot average itself, or not with an interval."""
    whole_run = {key: spread for key, spread in one["scores"].items() if key not in row_scores}
    return {"quality": one["quality"], "served_precision": one["served_precision"], **whole_run}


def interval_text(spread: Spread) -> str:
    """A spread's interval and size in words."""
    if spread["low"] is None or spread["high"] is None:
        return f"n = {spread['n']}"
    return f"95 % interval {spread['low']:.4f} to {spread['high']:.4f}, n = {spread['n']}"
