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
        state = renewed(state, context_of(runtime))
        try:
            return self.node(state, runtime) if self._takes_runtime else self.node(state)
        except (GraphBubbleUp, RunStateError):
            # The run is paused, not broken; or it cannot go on here, but can elsewhere.
            raise
        except Exception as error:
            # classify closes what it began; on a thread the state may have an earlier run's id.
            if run_id := state.get("run_id"):
                self.services.ledger.fail(run_id, unforeseen(error))
            raise

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
