"""Which task a request is: declared, given away by its fields, seen by the routing head, or read by
the SLM; what stays unclear goes to the LLM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import TierCall
from tandem.nodes.state import State
from tandem.nodes.task import Task
from tandem.privacy.egress import remaining
from tandem.records import Attempt, Profile, Request, TierName
from tandem.routing.head import OTHER, HeadReading
from tandem.routing.policy import LlmAccess
from tandem.routing.reading import feasible_tasks, read_task
from tandem.services import Services

UNCLEAR_TASK: Final = "reasoning"
"""What a request is taken for that is no task, or that nothing could sort: the LLM answers it
directly."""
DIRECTLY: Final = "the LLM answers directly"
"""Ends the reason of a request that is taken for UNCLEAR_TASK without being one."""
NEEDS: Final = {"extraction": "output_schema", "document_classification": "labels"}
"""The field without which a request cannot be of the task."""


@dataclass(frozen=True)
class FindTask:
    """Fill in the profile's task, its confidence and the reasons. The caller's declaration wins."""

    services: Services
    tasks: Mapping[str, Task]

    def __call__(
        self,
        state: State,
        access: LlmAccess,
        reader: Callable[[TierName], TierCall] | None = None,
    ) -> list[Attempt]:
        """Name the task in `state["profile"]`; the attempts are the model calls that this took.

        Parameters
        ----------
        reader: gives a tier bound to one reading of this run's request; None: no model is asked,
            and what the head is not sure of is unclear.
        """
        attempts = self._find(state, access, reader)
        self._weigh(state["request"], state["profile"])
        return attempts

    def _find(
        self, state: State, access: LlmAccess, reader: Callable[[TierName], TierCall] | None
    ) -> list[Attempt]:
        request, profile = state["request"], state["profile"]
        if declared := request.get("task"):
            _name(profile, declared, 1.0, "declared by the caller")
            return []
        feasible = feasible_tasks(request, list(self.tasks))
        if len(feasible) == 1:
            _name(profile, feasible[0], 1.0, "the request's fields ask for it")
            return []
        head = self._head(request, profile)
        if request.get("labels"):
            _name_by_labels(profile, feasible, head)
            return []
        if head and self._is_sure(head):
            _name_by_head(profile, feasible, head)
            return []
        attempt = self._read(reader("slm"), state, feasible) if reader else None
        if not profile["task"]:
            self._name_unclear(profile, feasible, head, attempt, access)
        return [attempt] if attempt else []

    def _weigh(self, request: Request, profile: Profile) -> None:
        if profile["reasons"][-1].endswith(DIRECTLY):
            return
        complexity = self.services.head_reader.complexity(request, profile["task"])
        profile["complexity"] = complexity
        if complexity is not None:
            profile["reasons"].append(
                f"complexity {complexity:.2f}: probability that the SLM will not do, by the task "
                "and the request's form"
            )

    def _head(self, request: Request, profile: Profile) -> HeadReading | None:
        reader = self.services.head_reader
        reading = reader.read(request)
        if reading is None:
            profile["reasons"].append(f"the routing head did not read: {reader.why_not}")
        return reading

    def _is_sure(self, head: HeadReading) -> bool:
        return head.best()[1] >= self.services.settings.routing.head_confidence

    def _read(self, call: TierCall, state: State, feasible: list[str]) -> Attempt:
        """Let the SLM read; its word holds from `routing.min_confidence` on."""
        profile, least = state["profile"], self.services.settings.routing.min_confidence
        attempt = _reading(call, state, feasible)
        self.services.ledger.add_attempt(state["run_id"], attempt)
        if attempt["error"] is None:
            task, confidence = _said(attempt)
            if confidence >= least:
                _name(profile, task, confidence, "read by the SLM")
            else:
                profile["reasons"].append(
                    f"the SLM read it as {task} ({confidence:.2f}, below {least:.2f})"
                )
        return attempt

    def _name_unclear(
        self,
        profile: Profile,
        feasible: list[str],
        head: HeadReading | None,
        attempt: Attempt | None,
        access: LlmAccess,
    ) -> None:
        """To the LLM; where it must not see the request, the best guess is all there is."""
        if head:
            task, confidence = head.best()
            least = self.services.settings.routing.head_confidence
            profile["reasons"].append(
                f"the routing head saw {task} ({confidence:.2f}, below {least:.2f})"
            )
        guesses = [head.best(feasible)] if head else []
        if attempt and attempt["error"] is None:
            guesses.append(_said(attempt))
        if access.allows(remaining(profile)) or not guesses:
            _name(profile, UNCLEAR_TASK, 0.0, f"unclear: {DIRECTLY}")
            return
        task, confidence = max(guesses, key=lambda guess: guess[1])
        _name(profile, task, confidence, "unclear, and the LLM must not see it: the best guess")


def _name_by_labels(profile: Profile, feasible: list[str], head: HeadReading | None) -> None:
    """Labels ask for a choice; what kind of labels they are, the head sees."""
    if head is None:
        _name(profile, feasible[0], 1.0, "the request's labels ask for it")
        return
    task, confidence = head.best(feasible)
    _name(profile, task, confidence, "its labels ask for a choice, seen by the routing head")


def _name_by_head(profile: Profile, feasible: list[str], head: HeadReading) -> None:
    task, confidence = head.best()
    seen = f"seen by the routing head as {task}"
    if task == OTHER:
        _name(profile, UNCLEAR_TASK, confidence, f"{seen}: no task, {DIRECTLY}")
    elif task in feasible:
        _name(profile, task, confidence, "seen by the routing head")
    elif task in NEEDS:
        why = f"{seen}, but `{NEEDS[task]}` is not given: {DIRECTLY}"
        _name(profile, UNCLEAR_TASK, confidence, why)
    else:
        why = f"{seen}, which is no task here: {DIRECTLY}"
        _name(profile, UNCLEAR_TASK, confidence, why)


def _reading(call: TierCall, state: State, feasible: list[str]) -> Attempt:
    try:
        task, confidence = read_task(state["request"]["text"], feasible, call)
    except (ModelError, EgressBlocked) as error:
        who = call.name.upper()
        state["profile"]["reasons"].append(f"the {who} could not read the task: {error.code}")
        return call.attempt(None, error=error.info())
    return call.attempt({"task": task}, signals={"label_probability": confidence})


def _said(attempt: Attempt) -> tuple[str, float]:
    return attempt["output"]["task"], attempt["signals"]["label_probability"]


def _name(profile: Profile, task: str, confidence: float, why: str) -> None:
    profile["task"], profile["task_confidence"] = task, confidence
    profile["reasons"].append(f"task {task} ({confidence:.2f}): {why}")
