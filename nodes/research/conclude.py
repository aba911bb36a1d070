"""The node that concludes from what the readers found, or asks for one more round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from langgraph.runtime import Runtime

from tandem.models.tier import TierCall
from tandem.nodes.binding import bind
from tandem.nodes.research.asking import unasked
from tandem.nodes.research.concluding import conclude, conclude_messages
from tandem.nodes.research.findings import open_questions, survivors
from tandem.nodes.research.records import Passage, Question, ResearchState
from tandem.nodes.research.showing import Showing
from tandem.nodes.research.task import Research, findings_of, with_coverage
from tandem.nodes.run_task import attempted
from tandem.nodes.state import Context
from tandem.records import Attempt, Usage
from tandem.services import Services

ANSWER_TOKENS: Final = 80
"""About what an answer takes; for estimates."""


@dataclass(frozen=True)
class Conclude:
    """Leads back to `search` where the model asks for what is missing and a round is left, else
    out: to quality_check."""

    services: Services

    def __call__(self, state: ResearchState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Write the answer, or more questions."""
        prepared = self._prepared(state)
        attempt, more = self._concluded(state, prepared, runtime)
        self.services.ledger.add_attempt(state["run_id"], attempt)
        update: dict[str, Any] = {
            "prepared": prepared,
            "attempts": [*state["attempts"], *_fresh(state), attempt],
            "next": "search" if more else "end",
        }
        if more:
            told = {"round": state["round"] + 1, "questions": len(more)}
            runtime.stream_writer({"research": told})
            update |= {"questions": [*state["questions"], *more], "round": state["round"] + 1}
        return update

    def _concluded(
        self, state: ResearchState, prepared: dict[str, Any], runtime: Runtime[Context]
    ) -> tuple[Attempt, list[Question]]:
        findings = findings_of(prepared)
        call: TierCall = bind(
            self.services, state, runtime, state["decision"]["tier"], "synthesise"
        )
        if not findings:
            return Research(self.services).attempt(prepared, call), []
        more: list[Question] = []

        def work() -> Attempt:
            concluded = conclude(prepared, findings, call, self._may_ask(state, prepared))
            more.extend(unasked(concluded.more, state["questions"]))
            return call.attempt(with_coverage(concluded.output, prepared))

        return attempted(call, work), more

    def _prepared(self, state: ResearchState) -> dict[str, Any]:
        readings, passages = state.get("readings", []), state["passages"]
        return {
            **state["prepared"],
            "questions": state["questions"],
            "readings": readings,
            "passages": passages,
            "findings": survivors(readings, passages, self._showing(state)),
            "rounds": state["round"],
            "left_out": state["left_out"],
            "documents": state["documents"],
            "one_prompt_usage": one_prompt_usage(state["prepared"]["question"], passages),
        }

    def _showing(self, state: ResearchState) -> Showing:
        settings = self.services.settings.privacy
        seen = state["profile"].get("public_may_see", settings.public_may_see)
        return Showing(self.services.detector, seen)

    def _may_ask(self, state: ResearchState, prepared: dict[str, Any]) -> bool:
        """Only where a question is open: small models ask again for what they were told."""
        rounds = self.services.settings.research.rounds
        return state["round"] < rounds and open_questions(state["questions"], prepared["findings"])


def one_prompt_usage(question: str, passages: Sequence[Passage]) -> Usage:
    """About what one prompt over the passages takes, at four characters a token."""
    read = sum(len(passage["heading"]) + len(passage["text"]) for passage in passages)
    fixed = sum(
        len(message["content"])
        for message in conclude_messages({"turns": [], "question": question}, [])
    )
    return {"input_tokens": (read + fixed) // 4, "output_tokens": ANSWER_TOKENS}


def _fresh(state: ResearchState) -> list[Attempt]:
    """The readers' attempts of this round."""
    known = {attempt["id"] for attempt in state["attempts"]}
    return [one for one in state.get("reader_attempts", []) if one["id"] not in known]
