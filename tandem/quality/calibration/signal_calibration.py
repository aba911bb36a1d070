"""A calibration of a task that has no labels: a score over its attempts' signals, and promises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tandem.quality.calibration.calibration import FORMAT
from tandem.quality.calibration.score import SignalScore
from tandem.quality.calibration.threshold import Promise


@dataclass(frozen=True)
class SignalCalibration:
    """What the SLM's answers to a task are worth.

    Parameters
    ----------
    identity: of the SLM, see tandem/models/identity.py.
    prompt: hash of the task's source, in which its prompts stand.
    promises: for several targets, rising.
    """

    task: str
    identity: str
    prompt: str
    score: SignalScore
    promises: tuple[Promise, ...]
    card: Mapping[str, Any]

    def promise(self, target: float) -> Promise | None:
        """The promise of the least target that is at least `target`; None where that one certified
        nothing. A stricter one is not tried: it would be one more chance to be wrong."""
        able = [one for one in self.promises if one.target >= target - 1e-9]
        chosen = min(able, key=lambda one: one.target, default=None)
        return chosen if chosen and chosen.threshold is not None else None

    def to_json(self) -> str:
        """The file's text."""
        told = {
            "format": FORMAT,
            "card": dict(self.card),
            "task": self.task,
            "identity": self.identity,
            "prompt": self.prompt,
            "promises": [asdict(promise) for promise in self.promises],
            "score": self.score.packed(),
        }
        return json.dumps(told, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> SignalCalibration:
        """Out of a file's text. Raises ValueError where it is damaged or of another format."""
        try:
            told = json.loads(text)
            if told["format"] != FORMAT:
                raise ValueError(f"it is of format {told['format']}, not {FORMAT}")
            promises = [Promise(**{**p, "stages": tuple(p["stages"])}) for p in told["promises"]]
            score = SignalScore.unpacked(told["score"])
            names = ("task", "identity", "prompt", "card")
            return cls(
                **{name: told[name] for name in names}, score=score, promises=tuple(promises)
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("it is damaged, or no calibration") from error
