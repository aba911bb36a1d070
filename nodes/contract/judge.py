"""The node that asks a model one hypothesis, by its passages alone. Several run in parallel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from langgraph.runtime import Runtime

from tandem.errors import EgressBlocked, ModelError
from tandem.nodes.binding import bind
from tandem.nodes.contract.asking import Judged
from tandem.nodes.contract.output import Prepared
from tandem.nodes.contract.state import ContractState
from tandem.nodes.contract.task import ContractReview
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class JudgeItem:
    """One item on one tier. A tier that gives no answer leaves the item open; it ends no run."""

    services: Services
    task: Callable[[], ContractReview]

    def __call__(self, state: ContractState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask, and write the attempt into the ledger."""
        item, tier = state["item"], state["ask"]
        assert tier is not None
        known = cast("Prepared", state["prepared"])
        call = bind(self.services, state, runtime, tier, "act")
        judged: list[Judged] = []
        try:
            judged = self.task().judged(known, item, call)
            attempt = call.attempt({"verdicts": [one["verdict"] for one in judged]})
        except (ModelError, EgressBlocked) as error:
            attempt = call.attempt(None, error=error.info())
        self.services.ledger.add_attempt(state["run_id"], attempt)
        runtime.stream_writer({"contract": "judged", "item": item["id"], "tier": tier})
        asked = {"item": item["id"], "tier": tier, "judged": judged}
        return {"judged": [asked], "made": [attempt]}
