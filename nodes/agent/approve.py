"""The node for steps with side effects: a person is asked, the step claimed, then carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph._internal._constants import CONFIG_KEY_CHECKPOINTER
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_config
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from tandem.checkpoints.durable import DurableRuns
from tandem.ledger.effects import ENDED
from tandem.nodes.agent.approval import Answered, answered, question
from tandem.nodes.agent.dispatching import failed
from tandem.nodes.agent.effects import Effects
from tandem.nodes.agent.state import AgentState
from tandem.nodes.agent.tools import Toolbox, needed
from tandem.nodes.binding import context_of
from tandem.nodes.state import Context
from tandem.records import Approval, Step
from tandem.services import Services


@dataclass(frozen=True)
class Approve:
    """Ask for the step in hand, and carry it out at most once.

    LangGraph runs a node again from its top when the answer comes, and when its process died. What
    the ledger says of the step tells which: a step that was claimed and has not ended may have
    happened, and is asked about in those words.
    """

    services: Services
    toolbox: Toolbox

    def __call__(self, state: AgentState, runtime: Runtime[Context]) -> dict[str, Any]:
        """The step, ended: done, failed, rejected or unknown."""
        step = self._ended(state, runtime) if _can_wait() else _nobody_to_ask(state)
        runtime.stream_writer({"step": {"id": step["id"], "status": step["status"]}})
        return {"results": [step]}

    def _ended(self, state: AgentState, runtime: Runtime[Context]) -> Step:
        tool = needed(self.toolbox(state, context_of(runtime)), state["step"]["tool"])
        effects = Effects.of(self.services, state, tool)
        row, before = effects.asked(), effects.before()
        while row["status"] not in ENDED:
            answer = _ask(question(state, row, effects.tool, before))
            if answer is None or not answer.fits(row):
                # Not understood, or an answer to a question that another attempt has overtaken.
                continue
            row = effects.decided(row, answer)
        return effects.step(row)


def _ask(asked: Approval) -> Answered | None:
    return answered(interrupt(asked))


def _can_wait() -> bool:
    """Whether the run is kept, so that it can be resumed once a person has decided."""
    configurable: Mapping[str, Any] = get_config()["configurable"]
    saver = configurable.get(CONFIG_KEY_CHECKPOINTER)
    if isinstance(saver, DurableRuns):
        return saver.writes(configurable["thread_id"])
    return isinstance(saver, BaseCheckpointSaver)


def _nobody_to_ask(state: AgentState) -> Step:
    return failed(
        state["step"],
        "needs_approval",
        "It has side effects and needs approval, for which the run must be kept; give a "
        "checkpointer (and, for a sensitive request, a key: LANGGRAPH_AES_KEY).",
    )
