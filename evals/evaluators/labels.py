"""Labels: is it the right one, and macro-F1 over a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.evals.evaluators.base import Feedback, Outputs, feedback, unserved


@dataclass(frozen=True)
class LabelMatch:
    """1 where the served label is the expected one."""

    key: str = "label_match"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        label = label_of(outputs["output"])
        right = label == reference_outputs["expected"]
        return feedback(self.key, right, "" if right else f"said {label!r}")


def label_of(output: Any) -> Any:
    """The label of a label task's output."""
    return output.get("label") if isinstance(output, Mapping) else output


def macro_f1(
    outputs: list[dict[str, Any]], reference_outputs: list[dict[str, Any]]
) -> dict[str, Any]:
    """Mean over the expected labels of F1; what was not served counts as a miss of its label."""
    right: Counter[Any] = Counter()
    said: Counter[Any] = Counter()
    meant: Counter[Any] = Counter()
    for output, reference in zip(outputs, reference_outputs, strict=True):
        label, expected = label_of(output["output"]), reference["expected"]
        meant[expected] += 1
        if label is not None:
            said[label] += 1
            right[label] += label == expected
    scores = [2 * right[label] / (said[label] + meant[label]) for label in meant]
    return {"key": "macro_f1", "score": sum(scores) / len(scores) if scores else None}
