"""A calibration of a label task: head, score, promises, examples, and the card that says of what.

One JSON file; numbers that make up models are packed (see arrays.py). It holds labelled rows where
examples go into prompts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from tandem.quality.calibration.examples import Examples
from tandem.quality.calibration.head import Head
from tandem.quality.calibration.monotone import Monotone
from tandem.quality.calibration.score import LabelScore
from tandem.quality.calibration.threshold import Promise

FORMAT: Final = 1
"""Raised when a file's meaning changes; files of other formats are not read."""


@dataclass(frozen=True)
class Asking:
    """How a tier is asked: the best way that was measured."""

    examples: int = 0
    """Nearest labelled rows that go in as past turns."""
    shortlist: int = 0
    """The head's likeliest labels that the prompt names; 0: all."""


@dataclass(frozen=True)
class TierFit:
    """What was measured of a tier, and of whom."""

    identity: str
    """See tandem/models/identity.py."""
    prompt: str
    """Hash of the rendered prompt; see LabelTask.prompt_sum."""
    asking: Asking
    right: float | None = None
    """Share of its answers that were right, as it is asked here."""
    rows: int = 0
    tokens_per_byte: float = 0.25
    """Prompt tokens by the prompt's length."""


@dataclass(frozen=True)
class LabelCalibration:
    """A label task's calibration for one set of labels.

    Parameters
    ----------
    labels: in the order of all models' outputs, and of the prompt.
    embeddings: fingerprint of the embedding model that head and examples need.
    head, score: None where there is none. `score` fuses what the SLM says with the head's view.
    promises: for several targets and stages, of each target the way to be used first.
    benefit: from P(correct) to the probability that the LLM would be right; None: not measured.
    card: what it was made of: date, data, rows, figures.
    """

    task: str
    labels: tuple[str, ...]
    embeddings: str
    head: Head | None
    score: LabelScore | None
    slm: TierFit | None
    llm: TierFit | None
    promises: tuple[Promise, ...]
    benefit: Monotone | None
    examples: Examples | None
    card: Mapping[str, Any]

    def promise(self, target: float, stages: Collection[str]) -> Promise | None:
        """The promise of the least target that is at least `target`, by stages of `stages`.

        Of several ways to keep it the first listed counts, which was chosen on fit rows. That one
        may have certified nothing: then the answer is None, and no other way is looked for. To try
        until one passes would break more promises than each of them states.
        """
        able = [
            promise
            for promise in self.promises
            if promise.target >= target - 1e-9 and set(promise.stages) <= set(stages)
        ]
        chosen = min(able, key=lambda promise: promise.target, default=None)
        return chosen if chosen and chosen.threshold is not None else None

    def to_json(self) -> str:
        """The file's text."""
        told: dict[str, Any] = {
            "format": FORMAT,
            "card": dict(self.card),
            "task": self.task,
            "labels": list(self.labels),
            "promises": [asdict(promise) for promise in self.promises],
            "slm": asdict(self.slm) if self.slm else None,
            "llm": asdict(self.llm) if self.llm else None,
            "benefit": [list(self.benefit.x), list(self.benefit.y)] if self.benefit else None,
            "embeddings": self.embeddings,
            "score": self.score.packed() if self.score else None,
            "head": self.head.packed() if self.head else None,
            "examples": self.examples.packed() if self.examples else None,
        }
        return json.dumps(told, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> LabelCalibration:
        """Out of a file's text.

        Raises
        ------
        ValueError: it is of another format, damaged, or no calibration.
        """
        try:
            told = json.loads(text)
            if told["format"] != FORMAT:
                raise ValueError(f"it is of format {told['format']}, not {FORMAT}")
            return cls._read(told)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("it is damaged, or no calibration") from error

    @classmethod
    def _read(cls, told: Mapping[str, Any]) -> LabelCalibration:
        benefit = told["benefit"]
        return cls(
            task=told["task"],
            labels=tuple(told["labels"]),
            embeddings=told["embeddings"],
            head=Head.unpacked(told["head"]) if told["head"] else None,
            score=LabelScore.unpacked(told["score"]) if told["score"] else None,
            slm=_tier_fit(told["slm"]),
            llm=_tier_fit(told["llm"]),
            promises=tuple(
                Promise(**{**one, "stages": tuple(one["stages"])}) for one in told["promises"]
            ),
            benefit=Monotone(tuple(benefit[0]), tuple(benefit[1])) if benefit else None,
            examples=Examples.unpacked(told["examples"]) if told["examples"] else None,
            card=told["card"],
        )


def name_of(task: str, labels: Sequence[str]) -> str:
    """The file name (without .json) of the calibration of `task` for `labels`, in any order."""
    told = json.dumps(sorted(labels), ensure_ascii=False)
    return f"{task}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _tier_fit(told: Mapping[str, Any] | None) -> TierFit | None:
    return TierFit(**{**told, "asking": Asking(**told["asking"])}) if told else None
