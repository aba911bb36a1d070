"""A run that is killed half-way: `python -m tests.unit.evals.slow_run FOLDER`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tandem.evals.case import Case
from tandem.evals.evaluators import make
from tandem.evals.outcomes import of_error
from tandem.evals.result import Result
from tandem.evals.runner import Graders, ResultsFile, alone, run
from tests.unit.evals.cases import case

CASES = [case(number) for number in range(40)]
GRADERS = {"films": Graders("label_match", {"label_match": make("label_match", {})})}


def target(one: Case) -> Result:
    """Right, without any model."""
    blank = of_error("tandem", one, None)
    return {**blank, "status": "accepted", "output": {"label": "positive"}}


def slow(one: Case) -> Result:
    time.sleep(0.02)
    return target(one)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with alone(folder):
        run(CASES, {"tandem": slow}, GRADERS, ResultsFile(folder / "results.jsonl"))
