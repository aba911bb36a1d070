"""Ask a tier for the labels of many rows, as a label task would, and keep what it said as arrays.

Answers come through the services that are handed in; where those keep answers, a run that was
stopped goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tandem.errors import EgressBlocked, PromptTooLong, from_info
from tandem.models.tier import CallContext
from tandem.nodes.calibrated import TURN_TOKENS
from tandem.nodes.labels import LabelTask
from tandem.nodes.run_task import attempted
from tandem.quality.calibration.calibration import Asking
from tandem.quality.calibration.examples import Examples
from tandem.records import Profile, Request, TierName
from tandem.services import Services

Matrix = NDArray[np.float32]
Progress = Callable[[str, int, int], None]
"""What is done, how far, of how many."""
_NO_ANSWER: Final = -1
OF_THE_ROW: Final = frozenset({EgressBlocked.code, PromptTooLong.code})
"""Errors that a row itself makes, now and later: it counts, as one that is not answered."""


@dataclass
class TierAnswers:
    """What a tier said of rows; rows that it was not asked, or could not answer, have label -1.

    Shapes: probabilities (rows, labels), else (rows,). `asked`: also those without an answer.
    Seconds are of the call, cost in the settings' currency.
    """

    rows: int
    count: int
    probabilities: Matrix = field(init=False)
    labels: NDArray[np.int64] = field(init=False)
    asked: NDArray[np.bool_] = field(init=False)
    seconds: NDArray[np.float64] = field(init=False)
    cost: NDArray[np.float64] = field(init=False)
    tokens: NDArray[np.float64] = field(init=False)
    prompt_bytes: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.probabilities = np.zeros((self.rows, self.count), dtype=np.float32)
        self.labels = np.full(self.rows, _NO_ANSWER, dtype=np.int64)
        self.asked = np.zeros(self.rows, dtype=bool)
        self.seconds, self.cost = np.full(self.rows, np.nan), np.full(self.rows, np.nan)
        self.tokens, self.prompt_bytes = np.full(self.rows, np.nan), np.full(self.rows, np.nan)

    def answered(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `rows` that have an answer."""
        kept: NDArray[np.int64] = rows[self.labels[rows] != _NO_ANSWER]
        return kept

    def among(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of `rows` that it was asked, answered or not."""
        kept: NDArray[np.int64] = rows[self.asked[rows]]
        return kept

    @property
    def tokens_per_byte(self) -> float:
        """Prompt tokens by the length of the prompt that was sent, without what the chat template
        adds."""
        known = ~np.isnan(self.tokens) & (self.prompt_bytes > 0)
        if not known.any():
            return 0.25
        return float(self.tokens[known].sum() / self.prompt_bytes[known].sum())


@dataclass(frozen=True)
class Asker:
    """Asks a tier for labels.

    Parameters
    ----------
    task: the label task without a calibration. names: the label set, in the prompt's order.
    texts, vectors: all rows. examples: rows that may go into prompts.
    shortlist_of: the labels that the prompt of a row names, of so many.
    """

    services: Services
    task: LabelTask
    names: tuple[str, ...]
    texts: Sequence[str]
    vectors: Matrix
    examples: Examples
    shortlist_of: Callable[[int, int], list[str]]
    progress: Progress

    def ask(
        self, tier: TierName, asking: Asking, rows: NDArray[np.int64], into: TierAnswers
    ) -> TierAnswers:
        """Ask `tier` for the labels of `rows`, one after the other.

        Raises
        ------
        ModelError: the tier gave no answer. What was answered is kept by the services.
        """
        for done, row in enumerate(rows.tolist(), start=1):
            if not into.asked[row]:
                self._ask_one(tier, asking, row, into)
            self.progress(f"{tier.upper()}, {asking.examples} examples", done, len(rows))
        return into

    def prepared(self, row: int, asking: Asking) -> dict[str, object]:
        """The row as the task prepares it under `asking`; see Plan.asked."""
        names = list(self.names)
        near = self.examples.nearest(self.texts[row], self.vectors[row], asking.examples)
        turns = [
            {"text": self.examples.texts[one], "label": self.names[self.examples.labels[one]]}
            for one in near[::-1]
        ]
        if asking.shortlist:
            names = self.shortlist_of(row, asking.shortlist)
            turns = [turn for turn in turns if turn["label"] in names]
        return {
            "text": self.texts[row],
            "labels": names,
            "examples": turns,
            "whole_set": list(self.names),  # an adapter is for this, whatever is on the shortlist
        }

    def _ask_one(self, tier: TierName, asking: Asking, row: int, into: TierAnswers) -> None:
        prepared = self.prepared(row, asking)
        call = self.services.tier(tier, self.task.name).bind(
            CallContext(
                profile=profile_of(self.services, self.task.name, {"text": self.texts[row]}),
                deadline=time.time() + self.services.settings.limits.deadline_s,
                task=self.task.name,
            )
        )
        attempt = attempted(call, lambda: self.task.attempt(prepared, call))
        if (error := attempt["error"]) is not None and error["code"] not in OF_THE_ROW:
            raise from_info(error)
        into.asked[row] = True
        if error is not None:
            return
        into.seconds[row], into.cost[row] = attempt["seconds"], attempt["cost"]
        turns = self.task.rendered(prepared, tier)
        into.tokens[row] = attempt["usage"]["input_tokens"] - TURN_TOKENS * len(turns)
        into.prompt_bytes[row] = sum(len(turn.encode()) for turn in turns)
        output = attempt["output"]
        if output is None:
            return
        into.labels[row] = self.names.index(output["label"])
        for label, chance in output["probabilities"].items():
            into.probabilities[row, self.names.index(label)] = chance


def profile_of(services: Services, task: str, request: Request) -> Profile:
    """The profile of a labelled row, as classify would make it where the task is declared."""
    assessed = services.assess(request)
    return {
        "task": task,
        "task_confidence": 1.0,
        "complexity": None,
        "sensitivity": assessed.sensitivity,
        "sensitivity_floor": assessed.floor,
        "evidence": assessed.evidence,
        "latency": "async",
        "deadline_ms": None,
        "quality": None,
        "tenant": "",
        "reasons": [],
    }
