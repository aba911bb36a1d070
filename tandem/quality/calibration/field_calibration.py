"""A calibration of extraction, field by field: each field has a score and promises of its own.

One bad field must not cost the good ones: what scores too low is asked again alone. Each promise
speaks of one field. To pool fields would take the values of one document for independent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tandem.quality.calibration.calibration import FORMAT
from tandem.quality.calibration.score import SignalScore
from tandem.quality.calibration.threshold import Promise


@dataclass(frozen=True)
class FieldScore:
    """What the SLM's values of one field are worth."""

    score: SignalScore
    promises: tuple[Promise, ...]

    def promise(self, target: float) -> Promise | None:
        """The promise of the least target that is at least `target`; None where that one certified
        nothing. A stricter one is not tried: it would be one more chance to be wrong."""
        able = [one for one in self.promises if one.target >= target - 1e-9]
        chosen = min(able, key=lambda one: one.target, default=None)
        return chosen if chosen and chosen.threshold is not None else None


@dataclass(frozen=True)
class FieldCalibration:
    """The calibration of one schema with its examples.

    Parameters
    ----------
    key: of schema and examples, see `key_of`.
    identity: of the SLM. prompt: hash of the task's source, in which its prompts stand.
    fields: by name; fields of the schema that are missing here were not measured.
    card: what it was made of: date, rows, figures.
    """

    task: str
    key: str
    identity: str
    prompt: str
    fields: Mapping[str, FieldScore]
    card: Mapping[str, Any]

    def to_json(self) -> str:
        """The file's text."""
        told = {
            "format": FORMAT,
            "card": dict(self.card),
            "task": self.task,
            "key": self.key,
            "identity": self.identity,
            "prompt": self.prompt,
            "fields": {
                name: {
                    "score": one.score.packed(),
                    "promises": [asdict(promise) for promise in one.promises],
                }
                for name, one in self.fields.items()
            },
        }
        return json.dumps(told, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> FieldCalibration:
        """Out of a file's text. Raises ValueError where it is damaged or of another format."""
        try:
            told = json.loads(text)
            if told["format"] != FORMAT:
                raise ValueError(f"it is of format {told['format']}, not {FORMAT}")
            names = ("task", "key", "identity", "prompt", "card")
            fields = {name: _field_score(one) for name, one in told["fields"].items()}
            return cls(**{name: told[name] for name in names}, fields=fields)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("it is damaged, or no calibration") from error


def _field_score(told: Mapping[str, Any]) -> FieldScore:
    promises = (Promise(**{**one, "stages": tuple(one["stages"])}) for one in told["promises"])
    return FieldScore(SignalScore.unpacked(told["score"]), tuple(promises))
