"""Evaluations for upload tests: cases and results as a run leaves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tandem.evals.case import Case
from tandem.evals.evaluation import IDENTITY, RESULTS, Evaluation
from tandem.evals.langsmith_client import Patience, connect
from tandem.evals.loading import Loaded
from tandem.evals.outcomes import of_error
from tandem.evals.result import Result
from tandem.evals.suite import Suite
from tandem.evals.summarise import summarise
from tandem.evals.upload import Uploader
from tandem.privacy.detectors import scan
from tandem.privacy.egress import Guard

SUITE = Suite(
    name="films",
    about="Film reviews.",
    task="sentiment",
    primary="label_match",
    evaluators={"label_match": {}},
)
CALM = Patience(timeout_s=10, retries=2, backoff_s=0.01, longest_wait_s=1)
HASTY = replace(CALM, timeout_s=0.2)


def result(policy: str, case: Case, label: str = "positive", **fields: Any) -> Result:
    """A served result with its score."""
    right = float(label == case["expected"])
    made: dict[str, Any] = {
        **of_error(policy, case, None),
        "status": "accepted",
        "output": {"label": label},
        "tier": "slm",
        "routed_task": "sentiment",
        "sensitivity": "none",
        "cost": 0.25,
        "seconds": 1.5,
        "scores": {"label_match": right},
        "comments": {} if right else {"label_match": f"said {label!r}"},
        **fields,
    }
    return made  # type: ignore[return-value]


def evaluation(folder: Path, results: Sequence[Result], suite: Suite = SUITE) -> Evaluation:
    """As `tandem eval` leaves it in `folder`."""
    folder.mkdir(exist_ok=True)
    lines = "".join(json.dumps(one) + "\n" for one in results)
    (folder / RESULTS).write_text(lines, encoding="utf-8")
    (folder / IDENTITY).write_text("{}\n", encoding="utf-8")
    summary = summarise(
        suite.name,
        results,
        {suite.name: suite},
        revision="abc1234+",
        settings={"fingerprint": "0123456789ab", "tiers": {}},
    )
    return Evaluation(summary, list(results), folder)


def uploader(
    folder: Path,
    cases: Sequence[Case],
    results: Sequence[Result],
    suite: Suite = SUITE,
    patience: Patience = CALM,
) -> Uploader:
    """An Uploader to where the environment says."""
    return Uploader(
        connect(patience),
        evaluation(folder, results, suite),
        Loaded(list(cases), {suite.name: suite}),
        Guard(("none", "internal"), scan),
    )
