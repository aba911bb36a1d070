"""Calibrate a task without labels: run the SLM on rows whose right output is known, fit a score
over the attempts' signals, certify thresholds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tandem.errors import InvalidRequest, from_info
from tandem.loop.figures import area, or_none, share, shown
from tandem.loop.labelled import LabelledRows, Split, split
from tandem.loop.measuring import OF_THE_ROW, Progress, profile_of
from tandem.loop.options import Options, refuse_too_few
from tandem.loop.sketch import signal_sketch
from tandem.models.identity import tier_identity
from tandem.models.tier import CallContext
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.run_task import attempted
from tandem.nodes.task import Prepared, Task
from tandem.quality.calibration import curves
from tandem.quality.calibration.examples import same_key
from tandem.quality.calibration.signal_calibration import SignalCalibration
from tandem.quality.calibration.small_score import fit_small_score
from tandem.quality.calibration.threshold import (
    REJECTED,
    Promise,
    Stage,
    accepted_at,
    certify,
    grid,
    sentence,
)
from tandem.quality.faq_right import faq_right
from tandem.records import Attempt, GateFailure, Request
from tandem.row_files import lines_of
from tandem.services import Services
from tandem.stats import Interval, wilson


class KnownRow(NamedTuple):
    """A request whose right output is known."""

    request: Request
    expected: Any


class SignalOutcome(NamedTuple):
    """A calibration and, for each promise, the observed precision on test rows."""

    calibration: SignalCalibration
    observed: tuple[Interval, ...]
    accepted: tuple[float, ...]
    """Share of the test rows, by promise."""
    figures: dict[str, float | None]
    """On test rows; AUROC is None where all of them are right, or all wrong."""
    curve: curves.Curve


def read_known(path: Path, task: str) -> list[KnownRow]:
    """Rows of a JSON Lines file: `expected`, and the fields of a Request (`input` is a `text`).

    Raises
    ------
    InvalidRequest: it cannot be read, or a line is no such row; the message names the line.
    """
    lines = {at: line for at, line in enumerate(lines_of(path), start=1) if line.strip()}
    rows = [_known(path, at, line, task) for at, line in lines.items()]
    if not rows:
        raise InvalidRequest(f"{path} holds no rows.", "Give one JSON object a line.")
    return rows


def _known(path: Path, number: int, line: str, task: str) -> KnownRow:
    try:
        row = json.loads(line)
        text = row.get("text", row.get("input"))
        if not isinstance(text, str) or "expected" not in row:
            raise ValueError("no `text` or no `expected`")
    except (ValueError, AttributeError, RecursionError):
        raise InvalidRequest(
            f"{path}:{number}: not a JSON object with `text` and `expected`.",
            "Correct the line; nothing was run.",
        ) from None
    fields = {key: value for key, value in row.items() if key in Request.__annotations__}
    return KnownRow(cast("Request", {**fields, "text": text, "task": task}), row["expected"])


def text_of(row: KnownRow) -> str:
    """The text of a row and of its documents, by which it is dealt out and known again."""
    documents = [document.get("text", "") for document in row.request.get("documents", [])]
    return "\0".join([row.request["text"], *documents])


def agrees(output: Any, expected: Any) -> bool:
    """Whether an output is right: every expected field is there and equal (case and white space
    aside); an expected text equals the output, or stands in the output's answer."""
    if isinstance(expected, Mapping):
        return isinstance(output, Mapping) and all(
            agrees(output.get(name), value) for name, value in expected.items()
        )
    if isinstance(output, Mapping):
        answer = output.get("answer", output.get("reply"))
        return isinstance(answer, str) and same_key(str(expected)) in same_key(answer)
    if isinstance(expected, str) and isinstance(output, str):
        return same_key(expected) == same_key(output)
    return bool(output == expected)


def is_right(task: str, output: Any, row: KnownRow) -> bool:
    """Whether an output is right as the task's evaluation counts it.

    For `faq`, `expected` is the page that answers (empty: none does), alone or as `source` of an
    object whose `passage` is the text that the answer should come from; else see `agrees`.
    """
    expected = {"source": row.expected} if isinstance(row.expected, str) else row.expected
    if task == "faq" and isinstance(expected, Mapping) and "source" in expected:
        passage, question = expected.get("passage", ""), row.request["text"]
        return faq_right(output, expected["source"], passage, question)
    return agrees(output, row.expected)


class Tried(NamedTuple):
    """What the SLM made of a request, and what the hard gates say of it."""

    prepared: Prepared
    attempt: Attempt
    failed: list[GateFailure]


def tried(services: Services, task: Task, request: Request) -> Tried:
    """The SLM's attempt at `request`. Where the request itself keeps it from answering (it must not
    leave, it is too long), that is an attempt with an error, as it is in a run.

    Raises
    ------
    ModelError: the SLM gave no answer.
    """
    profile = profile_of(services, task.name, request)
    prepared = task.prepare(request, profile)
    deadline = time.time() + services.settings.limits.deadline_s
    context = CallContext(profile=profile, deadline=deadline, task=task.name)
    call = services.tier("slm", task.name).bind(context)
    attempt = attempted(call, lambda: task.attempt(prepared, call))
    if (error := attempt["error"]) is not None:
        if error["code"] not in OF_THE_ROW:
            raise from_info(error)
        return Tried(prepared, attempt, [])
    return Tried(prepared, attempt, task.check(prepared, attempt))


@dataclass(frozen=True)
class SignalCalibrator:
    """Calibrates one task without labels. See Calibrator."""

    services: Services
    task: Task
    options: Options
    progress: Progress = lambda _what, _done, _of: None

    def run(self, rows: list[KnownRow]) -> SignalOutcome:
        """Calibrate on `rows`.

        Raises
        ------
        InvalidRequest: too few rows, or the signals tell nothing.
        ModelError: the SLM gave no answer. What was answered is kept by the services.
        """
        refuse_too_few(len(self._parts(rows).calibrate), self.options)
        rows, signals, passed, right = self._measured(rows)
        parts = self._parts(rows)
        refuse_too_few(len(parts.calibrate), self.options)
        fit = parts.fit[passed[parts.fit]]
        fitted = fit_small_score([signals[row] for row in fit], right[fit])
        if not fitted.score.names:
            raise InvalidRequest(
                "No score can be fitted: nothing tells right attempts from wrong ones among "
                f"{len(fit)} rows.",
                "Give more rows.",
            )
        scores = np.array([fitted.score(each) for each in signals])
        scores[fit] = fitted.scores
        scores[~passed] = REJECTED
        held_out = np.concatenate([parts.calibrate, parts.test])
        made = [
            self.options.named(self._promise(scores, right, parts, one))
            for one in self.options.targets
        ]
        calibration = SignalCalibration(
            task=self.task.name,
            identity=tier_identity(self.services.settings, "slm", self.task.name),
            prompt=source_sum(self.task),
            score=fitted.score,
            promises=tuple(made),
            card={
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "data": self.options.data,
                "rows": {name: len(part) for name, part in parts._asdict().items()},
                "seed": self.options.seed,
                "scores": signal_sketch(scores[held_out[passed[held_out]]]),
            },
        )
        return _outcome(calibration, scores, right, passed, parts.test)

    def _parts(self, rows: list[KnownRow]) -> Split:
        texts = [json.dumps(row.request, sort_keys=True, ensure_ascii=False) for row in rows]
        none = np.zeros(len(rows), dtype=np.int64)
        return split(LabelledRows(texts, none, ()), self.options.seed)

    def _measured(
        self, rows: list[KnownRow]
    ) -> tuple[list[KnownRow], list[dict[str, float]], NDArray[np.bool_], NDArray[np.bool_]]:
        """The rows that the SLM was asked (a rule's answers have no score), the signals of its
        attempts, whether they passed the gates, and whether they were right."""
        kept: list[KnownRow] = []
        signals: list[dict[str, float]] = []
        passed, right = [], []
        for at, row in enumerate(rows):
            answer = tried(self.services, self.task, row.request)
            self.progress("SLM", at + 1, len(rows))
            if answer.attempt["tier"] != "slm":
                continue
            kept.append(row)
            signals.append(answer.attempt["signals"])
            passed.append(answer.attempt["error"] is None and not answer.failed)
            right.append(is_right(self.task.name, answer.attempt["output"], row))
        return kept, signals, np.array(passed, dtype=bool), np.array(right, dtype=bool)

    def _promise(
        self,
        scores: NDArray[np.float64],
        right: NDArray[np.bool_],
        parts: Split,
        target: float,
    ) -> Promise:
        rows, confidence = parts.calibrate, self.options.confidence
        # The grid ends at 0, which what the gates rejected does not reach.
        known = np.maximum(scores[parts.fit], 0.0)
        thresholds = grid(known, len(rows), target, confidence)
        stage = Stage(scores[rows], right[rows])
        return certify([stage], thresholds, target, confidence, ("slm",))


def _outcome(
    calibration: SignalCalibration,
    scores: NDArray[np.float64],
    right: NDArray[np.bool_],
    passed: NDArray[np.bool_],
    test: NDArray[np.int64],
) -> SignalOutcome:
    stage = Stage(scores[test], right[test])
    observed, shares = [], []
    for made in calibration.promises:
        threshold = float("inf") if made.threshold is None else made.threshold
        accepted, good = accepted_at([stage], threshold)
        observed.append(wilson(int(good[accepted].sum()), int(accepted.sum())))
        shares.append(float(accepted.mean()))
    figures: dict[str, float | None] = {
        "right": float(right[test].mean()),
        "pass the gates": float(passed[test].mean()),
        "AUROC": or_none(curves.auroc(stage.scores, stage.right)),
        "AURC": curves.aurc(stage.scores, stage.right),
    }
    curve = curves.risk_coverage(stage.scores, stage.right)
    return SignalOutcome(calibration, tuple(observed), tuple(shares), figures, curve)


def told(outcome: SignalOutcome, target: float) -> Iterator[str]:
    """The report in plain lines."""
    calibration = outcome.calibration
    rows = calibration.card["rows"]
    yield f"{calibration.task}: rows {', '.join(f'{n} {size}' for n, size in rows.items())}"
    yield "test rows: " + ", ".join(
        f"{name} {area(value) if name == 'AUROC' else shown(value)}"
        for name, value in outcome.figures.items()
    )
    yield f"signals: {', '.join(calibration.score.names)}"
    for made, seen, part in zip(
        calibration.promises, outcome.observed, outcome.accepted, strict=True
    ):
        if made.threshold is None:
            yield f"{made.target:7.1%}  nothing certified"
        else:
            yield (
                f"{made.target:7.1%}  threshold {made.threshold:.3f}, accepted {part:.2f}, "
                f"observed precision {share(seen)}"
            )
    found = calibration.promise(target)
    nothing = Promise(("slm",), target, 0.9, None, 0, 0, 0)
    yield sentence(found or nothing, calibration.task)
