"""May a label that was given without the LLM leave? By a promise, by its price, or anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tandem.nodes.stages import Judgement, is_second_try, unseen
from tandem.quality.calibration.calibration import LabelCalibration
from tandem.quality.calibration.threshold import HEAD_ANSWERED, NO_LLM, Promise
from tandem.records import Attempt, GateFailure
from tandem.settings.calibration import Escalation

SCORE: Final = "p_correct"
"""Signal: the calibrated probability that the attempt is right."""
EVEN: Final = 0.5
"""Where nothing is known of the SLM, `never` lets the head answer when it is rather right."""
GAIN_UNKNOWN: Final = "what the LLM would gain is not known: the promise decides instead of cost"


@dataclass(frozen=True)
class Rules:
    """What the settings say of one task.

    Parameters
    ----------
    escalation: see tandem/settings/calibration.py. target: where a request asks no quality.
    error_price: what a wrong answer costs, in the settings' currency (for `cost`).
    """

    escalation: Escalation = "guarantee"
    target: float = 0.9
    error_price: float = 0.0


@dataclass(frozen=True)
class Accepting:
    """A calibration's word on the attempts at one input.

    Parameters
    ----------
    target: the asked share of right answers. promise: the one in force for it, if any.
    notes: why the SLM is not the one that was measured; empty: it is, or none was.
    llm_fits: whether the LLM was measured, and is still the same. llm_note: why it is not.
    llm_price: what an LLM call for this input would cost; None: not known.
    """

    task: str
    made: LabelCalibration
    rules: Rules
    target: float
    promise: Promise | None
    notes: tuple[str, ...] = ()
    llm_fits: bool = False
    llm_note: str = ""
    llm_price: float | None = None

    def failed(self, attempt: Attempt) -> list[GateFailure] | None:
        """The gate `score`, by the task's rules; None: no calibration speaks of this attempt."""
        if attempt["tier"] == "slm" and self.notes:
            return None
        if attempt["tier"] == "slm" and self.rules.escalation == "never":
            return []
        if is_second_try(attempt):
            return [unseen()]
        score, threshold = attempt["signals"].get(SCORE), self.threshold(attempt)
        if threshold is None:
            level = f"{100 * self.target:.4g} %"
            detail = f"no threshold can promise {level} right answers of the {attempt['tier']}"
        elif score is None:
            detail = "the attempt has no score"
        elif score < threshold:
            detail = f"score {score:.3f} is below {threshold:.3f}"
        else:
            return []
        return [GateFailure(gate="score", detail=detail)]

    def threshold(self, attempt: Attempt) -> float | None:
        """The least score with which `attempt` may leave; None: with none."""
        tier = attempt["tier"]
        if self.rules.escalation == "never":
            measured = self.made.slm.right if self.made.slm and not self.notes else None
            return (measured or EVEN) if tier == "head" else 0.0
        if self.rules.escalation == "cost" and (worth := self._worth(attempt)) is not None:
            return worth
        return self.promise.threshold if self.promise and tier in self.promise.stages else None

    def judgement(self, attempt: Attempt) -> Judgement:
        """Score, threshold, and what is promised."""
        if attempt["tier"] == "llm":
            return Judgement(notes=[self.llm_note] if self.llm_note else ())
        notes, promises = [*self.notes, *self._of_cost()], list[str]()
        if (attempt["tier"] == "slm" and self.notes) or is_second_try(attempt):
            return Judgement(notes=notes)
        guarantee = self.rules.escalation == "guarantee"
        if guarantee and self.promise and self.failed(attempt) == []:
            promises.append(self._words(self.promise))
        return Judgement(attempt["signals"].get(SCORE), self.threshold(attempt), notes, promises)

    @property
    def gain_is_known(self) -> bool:
        """Whether `cost` can weigh what the LLM would gain against its price."""
        known = self.made.benefit is not None or (self.made.llm and self.made.llm.right)
        return bool(self.llm_fits and known and self.rules.error_price > 0)

    def _of_cost(self) -> list[str]:
        if self.rules.escalation != "cost" or self.gain_is_known:
            return []
        return [*([self.llm_note] if self.llm_note else []), GAIN_UNKNOWN]

    def _words(self, promise: Promise) -> str:
        """The promise, of what was tested, and for which rows."""
        # With another SLM or prompt its answers leave by margin: only the head's were tested.
        told = promise.words(self.task, HEAD_ANSWERED if self.notes else NO_LLM)
        data = self.made.card.get("data")
        return f"{told}; measured on {data}" if data else told

    def _worth(self, attempt: Attempt) -> float | None:
        """The score from which on the LLM's gain is not worth its price; None: not known.

        The gain of asking it is P(it is right and this answer wrong), less P(it is wrong and this
        answer right): the difference of P(LLM right) and the score, whatever they have in common.
        """
        score = attempt["signals"].get(SCORE)
        if score is None or self.llm_price is None or not self.gain_is_known:
            return None
        if self.made.benefit is not None:
            by_llm = float(self.made.benefit(np.array([score]))[0])
        else:
            by_llm = (self.made.llm and self.made.llm.right) or 0.0
        return max(0.0, float(by_llm - self.llm_price / self.rules.error_price))
