"""What a label task does with a calibration: the head's answer, the prompt's examples, the score
of an answer, and whether it may leave."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import TandemError
from tandem.nodes.label_acceptance import SCORE, Accepting, Rules
from tandem.nodes.task import Prepared
from tandem.quality.calibration.calibration import Asking, LabelCalibration, TierFit
from tandem.quality.calibration.head import Guess
from tandem.quality.calibration.score import clipped_log
from tandem.quality.calibration.store import Calibrations
from tandem.quality.calibration.threshold import Promise
from tandem.quality.labels import label_signals
from tandem.records import Attempt, TierName, Usage

PromptSum = Callable[[Sequence[str], Asking, TierName], str]
"""See LabelTask.prompt_sum."""
Change = Literal["model", "prompt"]
SLM_NOTES: Final[dict[Change, str]] = {
    "model": "the calibration was made with another SLM: its answers pass by margin only",
    "prompt": "the calibration was made with another prompt: SLM answers pass by margin only",
}
LLM_NOTES: Final[dict[Change, str]] = {
    "model": "the calibration was made with another LLM: it is asked without the nearest rows, and "
    "what it is worth is not known",
    "prompt": "the calibration was made with another prompt of the LLM: it is asked without the "
    "nearest rows, and what it is worth is not known",
}


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
    rules: Rules

    def plan(self, prepared: Prepared, prompt_sum: PromptSum) -> Plan | None:
        """What holds for this input; None where there is no calibration that could be used."""
        found = self.store.find(self.task, prepared["labels"])
        made = found.calibration
        if made is None:
            return Plan(self, prepared, None, (found.note,)) if found.note else None
        try:
            if self.embeddings() != made.embeddings:
                note = "the calibration was made with other embeddings and is not used"
                return Plan(self, prepared, None, (note,))
        except TandemError as error:
            return Plan(self, prepared, None, (f"no calibration is used: {error.what}",))
        slm = self._changed("slm", made.slm, made, prompt_sum)
        llm = self._changed("llm", made.llm, made, prompt_sum)
        notes = [SLM_NOTES[slm]] if slm else []
        if made.slm is not None and prepared.get("own_examples"):
            notes = ["the calibration does not speak of the SLM with the request's own examples"]
        return Plan(self, prepared, made, tuple(notes), LLM_NOTES[llm] if llm else "")

    def _changed(
        self,
        tier: TierName,
        fit: TierFit | None,
        made: LabelCalibration,
        prompt_sum: PromptSum,
    ) -> Change | None:
        """What is not as it was when `tier` was measured; None: nothing, or it was not."""
        if fit is None:
            return None
        if fit.identity != self.identity(tier):
            return "model"
        return "prompt" if fit.prompt != prompt_sum(made.labels, fit.asking, tier) else None


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
    notes: why the SLM (or the whole) is not what was measured; empty: it is.
    llm_note: the same of the LLM.
    """

    own: CalibratedLabels
    prepared: Prepared
    made: LabelCalibration | None
    notes: tuple[str, ...]
    llm_note: str = ""

    @property
    def slm_fits(self) -> bool:
        """Whether SLM, prompt and examples are those of the calibration."""
        return self.made is not None and self.made.slm is not None and not self.notes

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
        """Whether the SLM's answer could leave where the head's may not: under the promise, by
        margin where it is not the SLM that was measured, and always under `never`."""
        rules = self.own.rules
        if rules.escalation == "never" or self.notes:
            return True
        accepting = self.accepting
        if rules.escalation == "cost" and accepting is not None and accepting.gain_is_known:
            return "slm" in self.stages
        return self.promise is not None and "slm" in self.promise.stages

    @property
    def accepting(self) -> Accepting | None:
        """What may leave; None where no calibration can be used."""
        if self.made is None:
            return None
        return Accepting(
            task=self.own.task,
            made=self.made,
            rules=self.own.rules,
            target=self.target,
            promise=self.promise,
            notes=self.notes,
            llm_fits=self._fit("llm") is not None,
            llm_note=self.llm_note,
            llm_price=self.prepared.get("llm_price"),
        )

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

    def llm_usage(self, prompt_bytes: int, turns: int) -> Usage:
        """The tokens that the LLM would have taken for its best prompt (an estimate)."""
        fit = self._fit("llm") or self._fit("slm")
        rate = fit.tokens_per_byte if fit else 0.25
        return {
            "input_tokens": round(rate * prompt_bytes) + TURN_TOKENS * turns,
            "output_tokens": 4,
        }

    def _fit(self, tier: TierName) -> TierFit | None:
        """How `tier` was measured, where it is still the same."""
        made = self.made
        if made is None or self.prepared.get("own_examples"):
            return None
        if tier == "slm":
            return made.slm if self.slm_fits else None
        return None if self.llm_note else made.llm


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
