"""What a label task does with a calibration: the head's answer, the prompt's examples, the score
of an answer, and whether it may leave."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import TandemError
from tandem.nodes.stages import Judgement
from tandem.nodes.task import Prepared
from tandem.quality.calibration.calibration import Asking, LabelCalibration, TierFit
from tandem.quality.calibration.head import Guess
from tandem.quality.calibration.score import clipped_log
from tandem.quality.calibration.store import Calibrations
from tandem.quality.calibration.threshold import HEAD_ANSWERED, NO_LLM, Promise
from tandem.quality.labels import label_signals
from tandem.records import Attempt, GateFailure, TierName, Usage
from tandem.settings.calibration import Escalation

SCORE: Final = "p_correct"
"""Signal: the calibrated probability that the attempt is right."""
EVEN: Final = 0.5
"""Where nothing is known of the SLM, `never` lets the head answer when it is rather right."""


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
class CalibratedLabels:
    """The calibrations of one label task, and what is needed to use them.

    Parameters
    ----------
    embed: the embedding of a text. embeddings: the fingerprint of what makes it.
    identity: who the models of a tier are now. llm_price: what an LLM call of such usage costs.
    """

    task: str
    store: Calibrations
    embed: Callable[[str], Sequence[float]]
    embeddings: Callable[[], str]
    identity: Callable[[TierName], str]
    llm_price: Callable[[Usage], float]
    rules: Rules = Rules()

    def plan(
        self, prepared: Prepared, prompt_sum: Callable[[Sequence[str], Asking], str]
    ) -> Plan | None:
        """What holds for this input; None where there is no calibration that could be used."""
        found = self.store.find(self.task, prepared["labels"])
        made = found.calibration
        if made is None:
            return Plan(self, prepared, None, (found.note,), False) if found.note else None
        try:
            if self.embeddings() != made.embeddings:
                note = "the calibration was made with other embeddings and is not used"
                return Plan(self, prepared, None, (note,), False)
        except TandemError as error:
            return Plan(self, prepared, None, (f"no calibration is used: {error.what}",), False)
        slm = made.slm
        if slm is None:
            return Plan(self, prepared, made, (), False)
        note = ""
        if prepared.get("own_examples"):
            note = "the calibration does not speak of the SLM with the request's own examples"
        elif slm.identity != self.identity("slm"):
            note = "the calibration was made with another SLM: its answers pass by margin only"
        elif slm.prompt != prompt_sum(made.labels, slm.asking):
            note = "the calibration was made with another prompt: SLM answers pass by margin only"
        return Plan(self, prepared, made, (note,) if note else (), not note)


class Fused(NamedTuple):
    """An SLM's answer after the calibration's score."""

    label: str
    probabilities: dict[str, float]
    signals: dict[str, float]


@dataclass(frozen=True)
class Plan:
    """A calibration and one input.

    Parameters
    ----------
    made: None where there is one that cannot be used; `notes` say why.
    slm_fits: whether SLM, prompt and examples are those of the calibration.
    """

    own: CalibratedLabels
    prepared: Prepared
    made: LabelCalibration | None
    notes: tuple[str, ...]
    slm_fits: bool

    @property
    def stages(self) -> tuple[str, ...]:
        """What may answer under a promise."""
        if self.made is None:
            return ()
        head = ("head",) if self.made.head is not None else ()
        return (*head, "slm") if self.slm_fits and self.made.score is not None else head

    @property
    def target(self) -> float:
        """The asked share of right answers."""
        return self.prepared.get("quality") or self.own.rules.target

    @property
    def promise(self) -> Promise | None:
        """The promise in force; None: nothing is certified for the target."""
        return self.made.promise(self.target, self.stages) if self.made else None

    @property
    def vector(self) -> NDArray[np.float32]:
        """The text's embedding (kept by the embeddings' own cache)."""
        return np.asarray(self.own.embed(self.prepared["text"]), dtype=np.float32)

    def guess(self) -> Guess | None:
        """What the head says; None where there is none."""
        if self.made is None or self.made.head is None:
            return None
        return self.made.head(self.prepared["text"], self.vector)

    def head_attempt(self) -> Attempt | None:
        """The head's answer as an attempt: no call, no tokens, no cost."""
        started = time.perf_counter()
        guess = self.guess()
        if self.made is None or guess is None:
            return None
        labels = self.made.labels
        chances = dict(zip(labels, np.exp(guess.log_probabilities).tolist(), strict=True))
        return {
            "id": uuid.uuid4().hex,
            "purpose": "answer",
            "tier": "head",
            "model": f"head:{self.own.task}",
            "output": {"label": labels[guess.label], "probabilities": chances},
            "text": labels[guess.label],
            "finish": "stop",
            "usage": {"input_tokens": 0, "output_tokens": 0},
            "calls": 0,
            "seconds": time.perf_counter() - started,
            "cost": 0.0,
            "signals": {**label_signals(chances), SCORE: guess.score},
            "error": None,
        }

    def then_slm(self) -> bool:
        """Whether the SLM may answer what the head was not sure of."""
        if self.own.rules.escalation == "guarantee" and (self.slm_fits or not self.notes):
            return self.promise is not None and "slm" in self.promise.stages
        return True

    def asked(self, tier: TierName) -> Prepared:
        """`prepared` as the tier was asked when it was measured: labels in their order, with the
        nearest labelled rows as examples, where that was best."""
        fit = self._fit(tier)
        if self.made is None or fit is None:
            return self.prepared
        labels, chosen = self.made.labels, list(self.made.labels)
        examples: list[dict[str, str]] = []
        if fit.asking.examples and self.made.examples is not None:
            rows = self.made.examples
            near = rows.nearest(self.prepared["text"], self.vector, fit.asking.examples)
            # The nearest comes last, next to the text itself.
            examples = [
                {"text": rows.texts[row], "label": labels[rows.labels[row]]} for row in near[::-1]
            ]
        if fit.asking.shortlist and (guess := self.guess()) is not None:
            chosen = shortlist(labels, guess, fit.asking.shortlist)
            examples = [one for one in examples if one["label"] in chosen]
        return {**self.prepared, "labels": chosen, "examples": examples}

    def fused(self, probabilities: dict[str, float]) -> Fused | None:
        """The SLM's probabilities and the head's, fused; None where nothing is calibrated."""
        made = self.made
        if made is None or made.score is None or not self.slm_fits or not probabilities:
            return None
        views = {"slm": clipped_log(_row([probabilities.get(one, 0.0) for one in made.labels]))}
        views["embedding"] = self.vector[None, :]
        if (guess := self.guess()) is not None:
            views["head"] = guess.log_probabilities[None, :]
        logs = made.score.log_probabilities(views)
        chances = dict(zip(made.labels, np.exp(logs[0]).tolist(), strict=True))
        signals = {**label_signals(chances), SCORE: float(made.score.scores(logs)[0])}
        return Fused(made.labels[int(logs[0].argmax())], chances, signals)

    def failed(self, attempt: Attempt) -> list[GateFailure] | None:
        """The gate `score`, by the task's rules; None: no calibration speaks of this attempt."""
        if self.made is None or (attempt["tier"] == "slm" and self.notes):
            return None
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
        rules, tier = self.own.rules, attempt["tier"]
        if rules.escalation == "never":
            right = self.made.slm.right if self.made and self.made.slm else None
            return (right or EVEN) if tier == "head" else 0.0
        if rules.escalation == "cost" and (worth := self._worth(attempt)) is not None:
            return worth
        promise = self.promise
        return promise.threshold if promise and tier in promise.stages else None

    def judgement(self, attempt: Attempt) -> Judgement:
        """Score, threshold, and what is promised."""
        notes, promises = list(self.notes), list[str]()
        if self.made is None or attempt["tier"] == "llm":
            return Judgement(notes=notes if attempt["tier"] != "llm" else ())
        if attempt["tier"] == "slm" and self.notes:
            return Judgement(notes=notes)
        promise, guarantee = self.promise, self.own.rules.escalation == "guarantee"
        if guarantee and promise and self.failed(attempt) == []:
            promises.append(self._words(promise))
        return Judgement(attempt["signals"].get(SCORE), self.threshold(attempt), notes, promises)

    def _words(self, promise: Promise) -> str:
        """The promise, of what was tested, and for which rows."""
        # With another SLM or prompt its answers leave by margin: only the head's were tested.
        told = promise.words(self.own.task, HEAD_ANSWERED if self.notes else NO_LLM)
        data = self.made.card.get("data") if self.made else None
        return f"{told}; measured on {data}" if data else told

    def llm_usage(self, prompt_bytes: int, turns: int) -> Usage:
        """The tokens that the LLM would have taken for its best prompt (an estimate)."""
        fit = self._fit("llm") or self._fit("slm")
        rate = fit.tokens_per_byte if fit else 0.25
        return {
            "input_tokens": round(rate * prompt_bytes) + TURN_TOKENS * turns,
            "output_tokens": 4,
        }

    def _worth(self, attempt: Attempt) -> float | None:
        """The score from which on the LLM's gain is not worth its price; None: not known."""
        score, made = attempt["signals"].get(SCORE), self.made
        price, error_price = self.prepared.get("llm_price"), self.own.rules.error_price
        if made is None or score is None or price is None or error_price <= 0:
            return None
        if made.benefit is not None:
            by_llm = float(made.benefit(np.array([score]))[0])
        elif made.llm is not None and made.llm.right is not None:
            by_llm = made.llm.right
        else:
            return None
        return max(0.0, float(by_llm - price / error_price))

    def _fit(self, tier: TierName) -> TierFit | None:
        """How `tier` was measured, where it is still the same."""
        made = self.made
        if made is None or self.prepared.get("own_examples"):
            return None
        if tier == "slm":
            return made.slm if self.slm_fits else None
        return made.llm if made.llm and made.llm.identity == self.own.identity("llm") else None


TURN_TOKENS: Final = 5
"""What a chat template puts around a turn."""
LABEL_TOKENS: Final = 4
"""What a label usually takes."""


def shortlist(labels: Sequence[str], guess: Guess, count: int) -> list[str]:
    """The head's `count` likeliest labels, in the order of `labels`."""
    likeliest = np.argsort(-guess.log_probabilities, kind="stable")[:count]
    return [labels[at] for at in sorted(likeliest.tolist())]


def _row(values: Sequence[float]) -> NDArray[np.float32]:
    return np.asarray([values], dtype=np.float32)
