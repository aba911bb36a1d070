"""The first node of the contract's graph: everything that needs no model, and what is left open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from langgraph.runtime import Runtime

from tandem.errors import TandemError
from tandem.nodes.contract.output import Prepared, doubtful
from tandem.nodes.contract.reading import untyped
from tandem.nodes.contract.state import ContractState
from tandem.nodes.contract.task import ContractReview
from tandem.nodes.state import Context
from tandem.records import TierName


@dataclass(frozen=True)
class ReadContract:
    """Split, type, judge by the head, retrieve, find values. `open` gets the items for a model."""

    task: Callable[[], ContractReview]

    def __call__(self, state: ContractState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Read the contract; input that nobody could review ends as the error in the state."""
        task = self.task()
        try:
            prepared = dict(task.prepare(state["request"], state["profile"]))
        except TandemError as error:
            return {"error": error.info(), "open": [], "ask": None, "untyped": []}
        known = cast("Prepared", prepared)
        own = task.reader.settings
        left = [item for item in known["items"] if doubtful(known, item["id"], own.least)]
        ask = _whom(state, own.ask_slm)
        runtime.stream_writer(
            {
                "contract": "read",
                "clauses": len(known["clauses"]),
                "segments": len(known["segments"]),
                "hypotheses": len(known["items"]),
                "open": len(left),
                "ask": ask or "",
            }
        )
        unsure = untyped(known, own.type_least, own.slm_types)
        return {"prepared": prepared, "open": task.groups(left, ask), "ask": ask, "untyped": unsure}


def _whom(state: ContractState, ask_slm: bool) -> TierName | None:
    """The LLM where the policy lets it see the request; else the SLM, where the settings say so."""
    decision = state["decision"]
    if decision["tier"] == "llm" or decision["may_escalate"]:
        return "llm"
    return "slm" if ask_slm else None
