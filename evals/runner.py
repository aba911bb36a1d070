"""Runs cases under policies: resumable, each finished row kept and counted once."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from tandem.errors import (
    InvalidRequest,
    KnowledgeError,
    LedgerError,
    ModelFileError,
    SettingsError,
    TandemError,
)
from tandem.evals.case import Case, case_sum
from tandem.evals.evaluators import Evaluator, scores_of
from tandem.evals.outcomes import of_error
from tandem.evals.result import Result
from tandem.records import ErrorInfo

_log = logging.getLogger(__name__)
Target = Callable[[Case], Result]
Progress = Callable[[Result], None]
TRIED_AGAIN: Final = frozenset({"model_unavailable", "deadline", "cancelled", "unexpected"})
"""Errors that say nothing of the policy: such rows are tried again by the next run."""
HOPELESS: Final = (KnowledgeError, LedgerError, ModelFileError, SettingsError)
"""Errors that every further row would meet too."""
MOST_DOWN: Final = 5
"""So many rows in a row without a model end the run."""
FIRST_TRY: Final = "first_try"
"""Score of the SLM's own first output, by the primary evaluator, where it made one."""


@dataclass(frozen=True)
class Graders:
    """The evaluators of a suite."""

    primary: str
    evaluators: Mapping[str, Evaluator]

    def grade(self, case: Case, result: Result) -> Result:
        """`result` with its scores."""
        scores: dict[str, float | None] = {}
        comments: dict[str, str] = {}
        for evaluator in self.evaluators.values():
            found, told = self._said(evaluator, case, result)
            scores |= found
            comments |= told
        first = self._first_try(case, result)
        if first is not None:
            scores[FIRST_TRY] = first
        return {**result, "scores": scores, "comments": comments}

    def _said(
        self, evaluator: Evaluator, case: Case, result: Mapping[str, Any]
    ) -> tuple[dict[str, float | None], dict[str, str]]:
        return scores_of(evaluator(result, {"expected": case["expected"]}, case))

    def _first_try(self, case: Case, result: Result) -> float | None:
        made = [step for step in result["route"] if step["purpose"] == "answer"]
        if not made or made[0]["tier"] == "llm":
            return None
        served = {**result, "output": made[0]["output"]}
        return self._said(self.evaluators[self.primary], case, served)[0][self.primary]


class ResultsFile:
    """Results on disk, a line each, appended and synced row by row.

    A last line that a stopped run cut short is dropped; of rows that were tried again the last
    one counts.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.rows: Final[dict[tuple[str, str, str], Result]] = {}
        """By policy, suite and case."""
        kept, whole = read_results(path) if path.exists() else ({}, 0)
        self.rows.update(kept)
        self._file = path.open("ab")
        self._file.truncate(whole)

    def done(self, policy: str, case: Case) -> bool:
        """Whether the case has a result that need not be tried again."""
        row = self.rows.get((policy, case["suite"], case["id"]))
        return row is not None and row["case_sum"] == case_sum(case) and not tried_again(row)

    def add(self, result: Result) -> None:
        """Write one result; it is on disk when this returns."""
        self._file.write(json.dumps(result, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows[_key(result)] = result

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_results(path: Path) -> tuple[dict[tuple[str, str, str], Result], int]:
    """The rows of a results file by policy, suite and case, and how many of its bytes are whole
    lines: a run may be writing the last one, or have been stopped within it."""
    rows: dict[tuple[str, str, str], Result] = {}
    whole = 0
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        whole += len(line)
        try:
            row = json.loads(line)
            rows[_key(row)] = row
        except (ValueError, KeyError, TypeError):
            _log.warning("a line of %s is no result and is left out", path)
    return rows, whole


def tried_again(result: Result) -> bool:
    """Whether the next run tries this case again."""
    return result["error"] is not None and result["error"]["code"] in TRIED_AGAIN


def _key(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return result["policy"], result["suite"], result["id"]


def run(
    cases: Sequence[Case],
    targets: Mapping[str, Target],
    graders: Mapping[str, Graders],
    results: ResultsFile,
    progress: Progress = lambda _: None,
) -> None:
    """Run what `results` does not hold yet, policy by policy; `graders` go by suite.

    Raises
    ------
    TandemError: the run cannot go on (a model file or the knowledge index is missing, or no model
        answers any more). What was finished is kept.
    """
    for policy, target in targets.items():
        down = 0
        for case in cases:
            if results.done(policy, case):
                continue
            result = graders[case["suite"]].grade(case, tried(policy, target, case))
            results.add(result)
            progress(result)
            down = down + 1 if _code(result) == "model_unavailable" else 0
            if down == MOST_DOWN:
                raise _nothing_answers(result)


def tried(policy: str, target: Target, case: Case) -> Result:
    """The target's result, or one that holds the error that it raised."""
    try:
        return target(case)
    except HOPELESS:
        raise
    except TandemError as error:
        return of_error(policy, case, error.info())
    except Exception as error:
        # A defect in one row must not cost the others. Its text is not told: it may quote the row.
        _log.exception("%s failed on %s", policy, case["id"])
        what = f"{type(error).__name__} in the target."
        info: ErrorInfo = {"code": "unexpected", "what": what, "remedy": "Run with --verbose."}
        return of_error(policy, case, info)


def _code(result: Result) -> str:
    return result["error"]["code"] if result["error"] else ""


def _nothing_answers(result: Result) -> TandemError:
    from tandem.errors import ModelUnavailable

    told = result["error"]["what"] if result["error"] else ""
    return ModelUnavailable(
        f"{MOST_DOWN} rows in a row got no answer; finished rows are kept. {told}",
        "Run `tandem doctor`, then the same command again: it goes on where it stopped.",
    )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One evaluation at a time writes into `folder`.

    Raises
    ------
    InvalidRequest: another one does, or the folder cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InvalidRequest(
            f"Another evaluation is writing into {folder}.", "Wait for it, or give another --out."
        ) from None
    except OSError as error:
        raise InvalidRequest(
            f"{folder} cannot be written: {error.strerror}.", "Give another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()
