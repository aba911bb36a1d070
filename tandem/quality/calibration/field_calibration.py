"""A calibration of extraction, field by field: each field has a score and promises of its own.

One bad field must not cost the good ones: what scores too low is asked again alone. Each promise
speaks of one field. To pool fields would take the values of one document for independent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tandem.errors import SettingsError
from tandem.quality.calibration.calibration import FORMAT
from tandem.quality.calibration.score import SignalScore
from tandem.quality.calibration.threshold import Promise

log = logging.getLogger(__name__)


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


def find_fields(folders: Sequence[Path], task: str) -> dict[str, FieldCalibration]:
    """The calibrations of `task` in `folders`, by key; the first folder's go first. One that cannot
    be read is only logged."""
    found: dict[str, FieldCalibration] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"{task}-fields-*.json")):
            try:
                made = FieldCalibration.from_json(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                log.warning("the calibration %s is not used: %s", path, error)
            else:
                found.setdefault(made.key, made)
    return found


def save_fields(folder: Path, made: FieldCalibration) -> Path:
    """Write `made` into `folder`, in place of an earlier one of its schema.

    Raises
    ------
    SettingsError: it cannot be written.
    """
    path = folder / f"{made.task}-fields-{made.key}.json"
    new = path.with_suffix(".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new.touch(mode=0o600)
        new.write_text(made.to_json(), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise SettingsError(
            f"The calibration {path} cannot be written: {error.strerror}.",
            "Name another folder in [calibration] dir; the answers are kept.",
        ) from error
    return path


def _field_score(told: Mapping[str, Any]) -> FieldScore:
    promises = (Promise(**{**one, "stages": tuple(one["stages"])}) for one in told["promises"])
    return FieldScore(SignalScore.unpacked(told["score"]), tuple(promises))
