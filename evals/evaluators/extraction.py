"""Extracted fields, compared by value: 25/12/2018 is 2018-12-25, and "RM 80.90" is 80.9.

Only the fields that a row expects are looked at: what a schema asks for beyond them has no label.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tandem.evals.evaluators.base import Feedback, Outputs, feedback, unserved
from tandem.quality.same_value import judged, value_of


@dataclass(frozen=True)
class FieldsCorrect:
    """Share of the expected fields that have the right value."""

    key: str = "fields_correct"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        verdicts = judged(outputs["output"], reference_outputs["expected"])
        wrong = ", ".join(name for name, right in verdicts.items() if not right)
        share = sum(verdicts.values()) / len(verdicts) if verdicts else None
        return feedback(self.key, share, f"wrong: {wrong}" if wrong else "")


@dataclass(frozen=True)
class RecordCorrect:
    """1 where every expected field has the right value."""

    key: str = "record_correct"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        return feedback(
            self.key, all(judged(outputs["output"], reference_outputs["expected"]).values())
        )


@dataclass(frozen=True)
class FieldScores:
    """Each expected field on its own: `field:NAME`, and `f1:NAME` (words) for those in `words`."""

    words: tuple[str, ...] = ()

    def __call__(
        self,
        outputs: Outputs,
        reference_outputs: Outputs,
        inputs: Outputs,  # noqa: ARG002
    ) -> dict[str, list[Feedback]]:
        """See the class."""
        output = outputs["output"] or {}
        verdicts = judged(output, reference_outputs["expected"])
        results = [feedback(f"field:{name}", right) for name, right in verdicts.items()]
        for name in self.words:
            if name in verdicts:
                score = word_f1(value_of(output, name), reference_outputs["expected"][name])
                results.append(feedback(f"f1:{name}", score))
        return {"results": results}


def word_f1(got: Any, wanted: Any) -> float:
    """F1 of the words (letters and digits, without case) that two texts have in common, each
    counted as often as it stands there."""
    left, right = Counter(_words(got)), Counter(_words(wanted))
    common = (left & right).total()
    total = left.total() + right.total()
    return 2 * common / total if total else 1.0


def _words(value: Any) -> list[str]:
    return re.findall(r"\w+", "" if value is None else str(value).casefold())
