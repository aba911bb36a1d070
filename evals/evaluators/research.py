"""Answers over several places of documents: right, cited, and at what use of tokens.

`expected` holds `values` (what a right answer names; null: the documents hold no answer) and
`facts`, `{"source", "quote"}`: where they stand. The served output is `{"text", "found",
"citations": [{"source", "quote"}]}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tandem.evals.evaluators.base import Feedback, Outputs, feedback, unserved
from tandem.nodes.written_numbers import readings_of
from tandem.quality.support import content_words
from tandem.records import TierName

SAME_STATEMENT: Final = 4
"""So many different words make a quotation that stands on two pages the same statement."""


@dataclass(frozen=True)
class ValuesRight:
    """1 where the answer names every expected value, or, where there is none, says that nothing was
    found. Numbers count by value, in digits or as words; other values as text."""

    key: str = "values_right"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        output, wanted = outputs["output"], reference_outputs["expected"]["values"]
        if output is None:
            return unserved(self.key)
        if wanted is None:
            return feedback(self.key, not output["found"], "answered" if output["found"] else "")
        if not output["found"]:
            return feedback(self.key, 0.0, "said that there is no answer")
        missing = [value for value in wanted if not _named(value, output["text"])]
        return feedback(self.key, not missing, f"lacks {', '.join(missing)}" if missing else "")


@dataclass(frozen=True)
class CitationsRight:
    """Share of the facts that stand in a cited quotation: all words of the fact in one of its page,
    or the fact word for word in one of another page, where it is long enough to be the same
    statement. Applies to questions with an answer; one that says there is none cites nothing."""

    key: str = "citations_right"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        facts = reference_outputs["expected"]["facts"]
        if not facts:
            return feedback(self.key, None)
        if outputs["output"] is None:
            return unserved(self.key)
        citations = outputs["output"]["citations"]
        held = sum(any(_holds(citation, fact) for citation in citations) for fact in facts)
        return feedback(self.key, held / len(facts))


@dataclass(frozen=True)
class TierTokens:
    """Tokens, in and out, that the models of a tier took for the row: `llm_tokens`, `slm_tokens`.
    The mean is told without an interval."""

    tier: TierName

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        used = [step["usage"] for step in outputs["route"] if step["tier"] == self.tier]
        tokens = sum(usage["input_tokens"] + usage["output_tokens"] for usage in used)
        return feedback(f"{self.tier}_tokens", tokens)


def _named(value: str, text: str) -> bool:
    if value.replace(".", "", 1).isdigit():
        return Decimal(value) in readings_of(text)
    return value.casefold() in text.casefold()


def _holds(citation: Mapping[str, Any], fact: Mapping[str, str]) -> bool:
    words, quote = content_words(fact["quote"]), citation["quote"]
    if citation["source"] == fact["source"]:
        return words <= content_words(quote)
    return len(words) >= SAME_STATEMENT and fact["quote"] in quote
