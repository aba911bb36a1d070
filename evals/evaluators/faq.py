"""Answers from a knowledge base: right, cited, taken from the gold passage, honestly absent.

`expected` holds `source` (the page that answers; empty: the knowledge base holds no answer) and
`passage` (its text). The served output is `{"answer", "citations": [{"source"}], "found"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.evals.evaluators.base import Feedback, Outputs, answer_text, feedback, unserved
from tandem.quality.faq_right import LEAST_FROM_GOLD, cites
from tandem.quality.support import coverage


@dataclass(frozen=True)
class AnswerRight:
    """1 where a question with an answer got it (gold page cited, and at least `least` of the
    answer's content words from the gold passage), and one without was not answered."""

    least: float = LEAST_FROM_GOLD
    key: str = "answer_right"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:
        """See the class."""
        output, expected = outputs["output"], reference_outputs["expected"]
        if output is None:
            return unserved(self.key)
        if not expected["source"]:
            return feedback(self.key, not _found(output), "answered" if _found(output) else "")
        if not _found(output):
            return feedback(self.key, 0.0, "said that there is no answer")
        if not cites(output, expected["source"]):
            return feedback(self.key, 0.0, "other pages cited")
        share = _from_gold(output, expected, inputs)
        return feedback(self.key, share >= self.least, f"{share:.0%} from the gold passage")


@dataclass(frozen=True)
class PageCited:
    """1 where a question with an answer got one that cites the gold page."""

    key: str = "page_cited"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        output, source = outputs["output"], reference_outputs["expected"]["source"]
        if not source:
            return feedback(self.key, None)
        return feedback(self.key, _found(output) and cites(output, source))


@dataclass(frozen=True)
class FromGoldPassage:
    """Of an answer that was given: the share of its content words that the gold passage holds."""

    key: str = "from_gold_passage"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:
        """See the class."""
        output, expected = outputs["output"], reference_outputs["expected"]
        if not expected["source"] or not _found(output):
            return feedback(self.key, None)
        return feedback(self.key, _from_gold(output, expected, inputs))


@dataclass(frozen=True)
class Abstention:
    """1 where the question was answered if and only if the knowledge base holds an answer."""

    key: str = "abstention"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        answerable = bool(reference_outputs["expected"]["source"])
        return feedback(self.key, _found(outputs["output"]) == answerable)


def _found(output: Any) -> bool:
    if isinstance(output, Mapping) and "found" in output:
        return bool(output["found"])
    return bool(answer_text(output).strip())


def _from_gold(output: Any, expected: Mapping[str, Any], inputs: Outputs) -> float:
    question = inputs["request"]["text"]
    return coverage(answer_text(output), [expected["passage"]], question)
