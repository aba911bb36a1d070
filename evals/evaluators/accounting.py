"""How the answer came about: the way it took, its seconds, its cost, and what left on the way."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.evals.evaluators.base import Feedback, Outputs, feedback


@dataclass(frozen=True)
class RouteCorrect:
    """1 where the request was taken for the task that it is."""

    key: str = "route_correct"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        right = outputs["routed_task"] == inputs["task"]
        return feedback(self.key, right, "" if right else f"taken for {outputs['routed_task']}")


@dataclass(frozen=True)
class NoLeak:
    """1 where none of the row's `secrets` reached a model that is not private."""

    key: str = "no_leak"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        if not inputs.get("secrets"):
            return feedback(self.key, None)
        return feedback(self.key, outputs["leaks"] == 0, f"{outputs['leaks']} leaked")


@dataclass(frozen=True)
class Seconds:
    """Seconds from request to answer: the models' as measured, and Tandem's own."""

    key: str = "seconds"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        return feedback(self.key, outputs["seconds"])


@dataclass(frozen=True)
class Cost:
    """Cost of all answered calls, in the settings' currency."""

    key: str = "cost"

    def __call__(self, outputs: Outputs, reference_outputs: Outputs, inputs: Outputs) -> Feedback:  # noqa: ARG002
        """See the class."""
        return feedback(self.key, outputs["cost"])
