"""Whatever breaks in a node, the run's row in the ledger is closed before the exception goes on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from tandem.errors import RunStateError, TandemError
from tandem.nodes.binding import context_of
from tandem.nodes.state import Context, State
from tandem.services import Services


@dataclass(frozen=True)
class Closing:
    """A node whose unforeseen exceptions end the run as failed, and are raised all the same: a
    fault of the program must be seen, not answered."""

    services: Services
    node: Callable[..., dict[str, Any]]

    def __call__(self, state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        context = context_of(runtime)
        state = renewed(state, context)
        try:
            if context.resumed:
                self._know_again(state)
            return self.node(state, runtime) if self._takes_runtime else self.node(state)
        except (GraphBubbleUp, RunStateError):
            # The run is paused, not broken; or it cannot go on here, but can elsewhere.
            raise
        except Exception as error:
            # classify closes what it began; on a thread the state may have an earlier run's id.
            if run_id := state.get("run_id"):
                self.services.ledger.fail(run_id, unforeseen(error))
            raise

    def _know_again(self, state: State) -> None:
        """Let the run's vault know what must be redacted of the request: what was known of that
        stayed with the process that began the run, and must not leave alone either."""
        vaults, profile = self.services.vaults, state.get("profile")
        if profile and not vaults.holds(state["run_id"]):
            vault = vaults.of(state["run_id"], state["deadline"])
            self.services.assess(state["request"], profile.get("public_may_see"), vault)

    @cached_property
    def _takes_runtime(self) -> bool:
        return "runtime" in inspect.signature(self.node).parameters


def renewed(state: State, context: Context) -> State:
    """The state with the times that hold now: a run that went on after a pause has as much time
    from there as it had at first, since nobody could work at it while it waited."""
    if not context.resumed or "deadline" not in state:
        return state
    allowed = state["deadline"] - state["started"]
    return {**state, "started": context.resumed, "deadline": context.resumed + allowed}


def unforeseen(error: Exception) -> TandemError:
    """What is written of an exception. Its own words may quote the request."""
    if isinstance(error, TandemError):
        return error
    return TandemError(
        f"The run broke off by {type(error).__name__}, which nobody foresaw.",
        "The ledger holds what was done before it.",
    )
