"""Long texts: the length that was asked for, repeats, citations, and whether everything is there.

`expected` holds `words` and `topics`, a list of lists: of each inner list one form must stand in a
heading or in the text. All count the text without its list of sources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from tandem.evals.evaluators.base import Feedback, Outputs, answer_text, feedback, unserved
from tandem.nodes.longform.assembling import body_of
from tandem.nodes.longform.checking import cited, repeated_share
from tandem.nodes.longform.lengths import TOLERANCE, word_count

_ENDS: Final = re.compile(r"[.!?\u3002][\"'\u201d\u2019)\]*_\s]*\Z")


@dataclass(frozen=True)
class LengthKept:
    """1 where the text has within 20 % the words that were asked for; `length_ratio` beside it is
    the smaller of words / asked and asked / words."""

    key: str = "length_kept"

    def __call__(
        self,
        outputs: Outputs,
        reference_outputs: Outputs,
        inputs: Outputs,  # noqa: ARG002
    ) -> dict[str, list[Feedback]]:
        """See the class."""
        if outputs["output"] is None:
            return {"results": [unserved(self.key), unserved("length_ratio")]}
        words = word_count(_body(outputs))
        asked = reference_outputs["expected"]["words"]
        ratio = words / asked
        kept = 1 - TOLERANCE <= ratio <= 1 + TOLERANCE
        near = min(ratio, 1 / ratio) if words else 0.0
        told = f"{words} of {asked} words"
        return {"results": [feedback(self.key, kept, told), feedback("length_ratio", near, told)]}


@dataclass(frozen=True)
class NoRepeats:
    """Share of the runs of eight words that stand once, 0 to 1."""

    key: str = "no_repeats"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        return feedback(self.key, 1 - repeated_share(_body(outputs)))


@dataclass(frozen=True)
class CitationsKnown:
    """Share of the citations whose source was given; None where the text cites nothing."""

    key: str = "citations_known"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        known = {str(source["number"]) for source in outputs["output"].get("sources", [])}
        marks = cited(_body(outputs))
        share = sum(mark in known for mark in marks) / len(marks) if marks else None
        return feedback(self.key, share, f"{len(marks)} citations")


@dataclass(frozen=True)
class SectionsComplete:
    """Share of the expected topics that the text has; the last sentence being whole is one more."""

    key: str = "sections_complete"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        body = _body(outputs)
        plain = " ".join(body.casefold().split())
        topics: list[list[str]] = reference_outputs["expected"]["topics"]
        missed = [forms[0] for forms in topics if not any(f.casefold() in plain for f in forms)]
        whole = bool(_ENDS.search(body))
        share = (len(topics) - len(missed) + whole) / (len(topics) + 1)
        told = [*(f"lacks {one}" for one in missed), *([] if whole else ["ends in mid-sentence"])]
        return feedback(self.key, share, "; ".join(told))


def _body(outputs: Outputs) -> str:
    output: Any = outputs["output"]
    return body_of(answer_text(output))
