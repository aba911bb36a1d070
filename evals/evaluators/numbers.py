"""The number that an answer comes to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tandem.evals.evaluators.base import Feedback, Outputs, answer_text, feedback, unserved
from tandem.quality.values import find_numbers


@dataclass(frozen=True)
class NumberMatch:
    """1 where the last number of the answer is the expected one, as GSM8K is counted.

    Source: Cobbe et al. (2021), Training verifiers to solve math word problems.
    """

    key: str = "number_match"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        wanted = Decimal(str(reference_outputs["expected"]).replace(",", ""))
        found = last_number(answer_text(outputs["output"]))
        right = found is not None and wanted in found
        return feedback(self.key, right, "" if right else "another number, or none")


def last_number(text: str) -> frozenset[Decimal] | None:
    """The readings of the last number in `text`, with its sign; None where there is none."""
    found = find_numbers(text)
    if not found:
        return None
    last = max(found, key=lambda number: (number.end, number.end - number.start))
    before = text[: last.start].rstrip(" $€£")
    negative = before.endswith(("-", "\u2212")) and not before[:-1].rstrip().endswith(
        tuple("0123456789")
    )
    return frozenset(-one for one in last.readings) if negative else last.readings
