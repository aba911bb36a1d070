"""The node that writes the questions of the first round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import EgressBlocked, ModelError, TandemError
from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.research.asking import ask
from tandem.nodes.research.records import Question, ResearchState
from tandem.nodes.research.task import started
from tandem.nodes.state import Context
from tandem.records import Attempt, TierName
from tandem.services import Services


@dataclass(frozen=True)
class Ask:
    """Ask the decision's tier; goes on to `search`, or out where no model answers. What the guard
    lets not go to that tier the SLM asks."""

    services: Services

    def __call__(self, state: ResearchState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Write the questions."""
        try:
            prepared = started(state["request"])
        except TandemError as error:
            return {"error": error.info(), "next": "end"}
        tier = state["decision"]["tier"]
        attempts, questions = [], None
        for name in dict.fromkeys((tier, "slm")):
            attempt, questions = self._asked(state, runtime, name, prepared)
            attempts.append(attempt)
            self.services.ledger.add_attempt(state["run_id"], attempt)
            error_code = attempt["error"]["code"] if attempt["error"] else ""
            if error_code != EgressBlocked.code:
                break
        update: dict[str, Any] = {
            "prepared": prepared,
            "attempts": [*state["attempts"], *attempts],
            "next": "end" if questions is None else "search",
        }
        if questions is not None:
            runtime.stream_writer({"research": {"round": 1, "questions": len(questions)}})
            update |= {"questions": questions, "asked_so_far": 0, "round": 1}
        return update

    def _asked(
        self,
        state: ResearchState,
        runtime: Runtime[Context],
        name: TierName,
        prepared: dict[str, Any],
    ) -> tuple[Attempt, list[Question] | None]:
        call: TierCall = bind(self.services, state, runtime, name, "plan")
        most = self.services.settings.research.questions
        try:
            questions = ask(prepared["question"], call, most, prepared["turns"])
        except (ModelError, EgressBlocked) as error:
            return call.attempt(None, error=error.info()), None
        return call.attempt({"questions": questions}), questions
