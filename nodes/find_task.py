"""Which task a request is: declared, given away by its fields, or read by a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import TierCall
from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.privacy.egress import remaining
from tandem.records import Attempt, Profile, TierName
from tandem.routing.policy import LlmAccess
from tandem.routing.reading import feasible_tasks, read_task
from tandem.services import Services

UNCLEAR_TASK = "reasoning"
"""What a request is taken for that no model could sort: the LLM answers it directly."""


@dataclass(frozen=True)
class FindTask:
    """Fill in the profile's task, its confidence and the reason. The caller's declaration wins."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(
        self, state: State, access: LlmAccess, reader: Callable[[TierName], TierCall]
    ) -> list[Attempt]:
        """Name the task in `state["profile"]`; the attempts are the model calls that this took.

        `reader` gives a tier bound to one reading of this run's request.
        """
        request, profile = state["request"], state["profile"]
        if declared := request.get("task"):
            _name_task(profile, declared, 1.0, "declared by the caller")
            return []
        feasible = feasible_tasks(request, list(self.tasks))
        if len(feasible) == 1:
            _name_task(profile, feasible[0], 1.0, "the request's fields ask for it")
            return []
        return self._read(state, feasible, access, reader)

    def _read(
        self,
        state: State,
        feasible: list[str],
        access: LlmAccess,
        reader: Callable[[TierName], TierCall],
    ) -> list[Attempt]:
        profile, attempts = state["profile"], []
        tiers: list[TierName] = ["slm"]
        if access.allows(remaining(profile)):
            tiers.append("llm")
        for tier in tiers:
            attempt = self._read_on(reader(tier), state, feasible)
            self.services.ledger.add_attempt(state["run_id"], attempt)
            attempts.append(attempt)
            if attempt["error"] is None:
                task, confidence = (
                    attempt["output"]["task"],
                    attempt["signals"]["label_probability"],
                )
                _name_task(profile, task, confidence, f"read by the {tier.upper()}")
                if confidence >= self.services.settings.routing.min_confidence:
                    return attempts
        if not profile["task"]:
            _name_task(profile, UNCLEAR_TASK, 0.0, "unclear: no model could read the request")
        return attempts

    def _read_on(self, call: TierCall, state: State, feasible: list[str]) -> Attempt:
        profile = state["profile"]
        try:
            task, confidence = read_task(state["request"]["text"], feasible, call)
        except (ModelError, EgressBlocked) as error:
            profile["reasons"].append(
                f"the {call.name.upper()} could not read the task: {error.code}"
            )
            return call.attempt(None, error=error.info())
        return call.attempt({"task": task}, signals={"label_probability": confidence})


def _name_task(profile: Profile, task: str, confidence: float, why: str) -> None:
    profile["task"], profile["task_confidence"] = task, confidence
    profile["reasons"].append(f"task {task} ({confidence:.2f}): {why}")
