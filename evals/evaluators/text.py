"""Texts whose quality can be checked by properties: what must stand in them, and what must not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.evals.evaluators.base import Feedback, Outputs, answer_text, feedback, unserved


@dataclass(frozen=True)
class TextProperties:
    """Share of the expected properties that the text has.

    `expected` may hold `includes` (texts of which each must stand in it; a list in place of a text:
    one of these), `excludes`, `max_words` and `min_words`. Case and white space do not count.
    """

    key: str = "text_properties"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        verdicts = properties(answer_text(outputs["output"]), reference_outputs["expected"])
        missed = "; ".join(name for name, kept in verdicts.items() if not kept)
        share = sum(verdicts.values()) / len(verdicts) if verdicts else None
        return feedback(self.key, share, missed)


def properties(text: str, expected: Mapping[str, Any]) -> dict[str, bool]:
    """Each expected property, and whether `text` has it; an empty text has none."""
    plain, words = _plain(text), len(text.split())
    verdicts = {
        f"lacks {' or '.join(_choices(one))}": any(_plain(form) in plain for form in _choices(one))
        for one in expected.get("includes", [])
    }
    verdicts |= {f"says {one}": _plain(one) not in plain for one in expected.get("excludes", [])}
    if "max_words" in expected:
        verdicts["too long"] = words <= expected["max_words"]
    if "min_words" in expected:
        verdicts["too short"] = words >= expected["min_words"]
    return verdicts if words else dict.fromkeys(verdicts, False)


def _choices(one: str | list[str]) -> list[str]:
    return [one] if isinstance(one, str) else one


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()
