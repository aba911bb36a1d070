"""How the steps of a long text reach a tier: the SLM where the guard lets nothing go to the LLM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from langgraph.runtime import Runtime

from tandem.errors import EgressBlocked, ModelError
from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.state import Context, State
from tandem.records import Attempt, ErrorInfo, Purpose, TierName
from tandem.services import Services

Result = TypeVar("Result")


@dataclass
class Reached(Generic[Result]):
    """What came of a step: a result or an error, and the attempts that it took."""

    result: Result | None = None
    error: ErrorInfo | None = None
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(frozen=True)
class Reach:
    """The tiers of a run, as its decision has them.

    Parameters
    ----------
    purpose: of the attempts.
    streams: tokens go to whoever listens.
    """

    services: Services
    state: State
    runtime: Runtime[Context]
    purpose: Purpose
    streams: bool = False

    def __call__(
        self, work: Callable[[TierCall], Result], told: Callable[[Result], Any]
    ) -> Reached[Result]:
        """`work` on the run's tier; on the SLM where the guard keeps this step from the LLM (a
        passage may hold what the request does not).

        Parameters
        ----------
        told: what of a result stands in the attempt.
        """
        first = self.state["decision"]["tier"]
        reached: Reached[Result] = Reached()
        for tier in dict.fromkeys([first, "slm"]):
            call = self.bound(tier)
            try:
                reached.result = work(call)
            except EgressBlocked as error:
                reached.error = error.info()
                self.note(reached, call.attempt(None, error=reached.error))
            except ModelError as error:
                reached.error = error.info()
                self.note(reached, call.attempt(None, error=reached.error))
                return reached
            else:
                reached.error = None
                self.note(reached, call.attempt(told(reached.result)))
                return reached
        return reached

    def bound(self, tier: TierName) -> TierCall:
        """`tier`, bound to a new attempt."""
        return bind(
            self.services, self.state, self.runtime, tier, self.purpose, streams=self.streams
        )

    def note(self, reached: Reached[Any], attempt: Attempt) -> None:
        """Keep an attempt, here and in the ledger."""
        self.services.ledger.add_attempt(self.state["run_id"], attempt)
        reached.attempts.append(attempt)
