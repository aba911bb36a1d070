"""An agent's work: whether it came to the end that was asked for, and how many steps it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tandem.evals.evaluators.base import Feedback, Outputs, answer_text, feedback, unserved
from tandem.evals.evaluators.text import properties
from tandem.nodes.agent.reading import stands_in


@dataclass(frozen=True)
class Completed:
    """1 where the answer holds all that the task ends in.

    `expected` holds `numbers` (in any notation, also as words), `words` (a list in place of a text:
    one of these) and `absent` (texts that must not stand in it).
    """

    key: str = "completed"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if outputs["output"] is None:
            return unserved(self.key)
        missed = _missed(answer_text(outputs["output"]), reference_outputs["expected"])
        return feedback(self.key, not missed, "; ".join(missed))


@dataclass(frozen=True)
class Steps:
    """How many tool calls were planned or made; the mean is told without an interval."""

    key: str = "steps"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        made = [step["output"] for step in outputs["route"] if step["output"]]
        plans = [step["output"] for step in outputs["route"] if step["purpose"] == "plan"]
        loops = [each["tools"] for each in made if isinstance(each, Mapping) and "tools" in each]
        return feedback(self.key, sum(len(each) for each in [*plans, *loops] if each))


def _missed(text: str, expected: Mapping[str, Any]) -> list[str]:
    numbers = [f"lacks {n}" for n in expected.get("numbers", []) if not stands_in(n, text)]
    asked = {"includes": expected.get("words", []), "excludes": expected.get("absent", [])}
    kept = properties(text, asked)
    return numbers + [name for name, holds in kept.items() if not holds]
