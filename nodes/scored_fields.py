"""Extraction whose SLM values are judged one by one, each field by its own calibrated score.

A field that scores too low fails the gate `score` under its name, so that it alone is asked again
on the LLM and the others are kept (nodes/extract_parts.py). Schemas that no calibration was made
for are judged as before.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tandem.models.tier import TierCall
from tandem.nodes.extract_parts import DROPPED
from tandem.nodes.fingerprint import source_sum
from tandem.nodes.scored_base import Scored
from tandem.nodes.stages import Judgement, OwnJudgement, is_second_try, unseen
from tandem.nodes.task import Prepared, Task
from tandem.nodes.tuned import TUNED
from tandem.quality.calibration.field_calibration import FieldCalibration
from tandem.quality.field_features import field_features
from tandem.records import Attempt, GateFailure, Verdict

_WORD: Final = re.compile(r"\w+")


class _Judged(NamedTuple):
    """One field's score; `threshold` is None where nothing is promised."""

    name: str
    score: float
    threshold: float | None
    promise: str

    @property
    def accepted(self) -> bool:
        return self.threshold is not None and self.score >= self.threshold

    @property
    def lead(self) -> float:
        """Of the score over the threshold; what is not promised at all comes last."""
        return self.score - (2.0 if self.threshold is None else self.threshold)


@dataclass(frozen=True)
class ScoredFieldsTask(Scored):
    """An extraction (or one under a score of whole answers), and its calibrations.

    Parameters
    ----------
    plain: the extraction itself. made: by key, see `key_of`. identity: of the SLM of today.
    """

    plain: Task
    made: Mapping[str, FieldCalibration]
    identity: str

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        made = self._made(prepared, attempt)
        if made is None:
            return self.inner.check(prepared, attempt)
        failed = self.plain.check(prepared, attempt)
        if is_second_try(attempt):
            return failed or [unseen()]
        named = _named(failed, made.fields)
        judged = [one for one in self._judged(made, prepared, attempt) if one.name not in named]
        details = (_detail(one, _dropped(one.name, attempt)) for one in judged)
        return failed + [GateFailure(gate="score", detail=detail) for detail in details if detail]

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        """As the extraction does, which tells the model the fields in doubt but no scores."""
        failed = [_without_score(failure) for failure in verdict["failed"]]
        return self.inner.repair(prepared, rejected, {**verdict, "failed": failed}, tier)

    def judge(self, prepared: Prepared, attempt: Attempt) -> Judgement:
        """The score that is least above its threshold, and what is promised of each field."""
        made = self._made(prepared, attempt)
        if made is not None and is_second_try(attempt):
            return Judgement()
        if made is not None:
            judged = self._judged(made, prepared, attempt)
            least = min(judged, key=lambda one: one.lead)
            promises = [one.promise for one in judged if one.accepted]
            return Judgement(least.score, least.threshold, promises=promises)
        known = self.made.get(key_of(prepared)) if attempt["tier"] == "slm" else None
        if known is not None and self.rules.escalation == "guarantee":
            return Judgement(notes=[note] if (note := self._why_not(known)) else [])
        own = isinstance(self.inner, OwnJudgement)
        return self.inner.judge(prepared, attempt) if own else Judgement()  # type: ignore[attr-defined]

    def _made(self, prepared: Prepared, attempt: Attempt) -> FieldCalibration | None:
        """The calibration that judges `attempt`."""
        if attempt["tier"] != "slm" or self.rules.escalation != "guarantee":
            return None
        made = self.made.get(key_of(prepared))
        usable = made is not None and made.fields and not self._why_not(made)
        # It was made with the adapter that the input was prepared for, or without one; another
        # model answered where that adapter was taken out of force meanwhile.
        usable = usable and (TUNED in attempt["signals"]) == ("adapter" in prepared)
        return made if usable and isinstance(attempt["output"], Mapping) else None

    def _why_not(self, made: FieldCalibration) -> str:
        if made.identity != self.identity:
            return "the calibration was made with another SLM: its values pass by their gates only"
        if made.prompt != source_sum(self.plain):
            return "the calibration was made with another prompt: values pass by their gates only"
        return ""

    def _judged(
        self, made: FieldCalibration, prepared: Prepared, attempt: Attempt
    ) -> list[_Judged]:
        target, judged = self._target(prepared), []
        for name, field in made.fields.items():
            given = attempt["output"], prepared["source"], attempt["signals"]
            score, promise = field.score(field_features(name, *given)), field.promise(target)
            words = promise.words(f"{self.name}.{name}") if promise else ""
            judged.append(_Judged(name, score, promise.threshold if promise else None, words))
        return judged


def key_of(prepared: Prepared) -> str:
    """A short hash of what a calibration belongs to: the schema, the examples in the prompt, and
    the adapter that answers, where there is one."""
    asked = [prepared["schema"], prepared["examples"]]
    asked += [prepared["adapter"]] if "adapter" in prepared else []
    told = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def kept_fields(
    fields: Collection[str],
    attempt: Attempt,
    failed: Sequence[GateFailure],
    schema: Mapping[str, Any],
) -> set[str]:
    """Those of `fields` whose value leaves without the LLM wherever their score does. Calibration
    certifies exactly these.

    What a hard gate names is asked again; where one names no field of the schema, all of it is (see
    extract_parts.doubtful_fields). An optional field that its own gates took out counts as refused.
    """
    if attempt["error"] or not isinstance(attempt["output"], Mapping):
        return set()
    known = {*schema.get("properties", {}), *fields}
    if not all(_named([failure], known) for failure in failed):
        return set()
    return {name for name in set(fields) - _named(failed, known) if not _dropped(name, attempt)}


def _dropped(name: str, attempt: Attempt) -> bool:
    return f"{DROPPED}{name}" in attempt["signals"]


def _named(failed: Sequence[GateFailure], fields: Collection[str]) -> set[str]:
    return {word for failure in failed for word in _WORD.findall(failure["detail"])} & set(fields)


def _detail(one: _Judged, dropped: bool) -> str:
    """Why the field is to be asked again; empty: it is not."""
    if dropped:
        return f"{one.name}: its value did not pass and was left out"
    if one.threshold is None:
        return f"{one.name}: no threshold can promise enough right values of the SLM"
    return "" if one.accepted else f"{one.name}: score {one.score:.2f} is below {one.threshold:.2f}"


def _without_score(failure: GateFailure) -> GateFailure:
    if failure["gate"] != "score":
        return failure
    return GateFailure(gate="score", detail=failure["detail"].partition(":")[0])
