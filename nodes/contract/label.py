"""The node that asks the SLM for a clause's type, among those that the head thinks likeliest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from langgraph.runtime import Runtime

from tandem.errors import EgressBlocked, ModelError
from tandem.nodes.binding import bind
from tandem.nodes.contract.asking import NO_TYPE, ask_type
from tandem.nodes.contract.output import Prepared
from tandem.nodes.contract.state import ContractState
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class LabelClause:
    """One clause on the SLM. Without an answer it stays without a type; it ends no run."""

    services: Services

    def __call__(self, state: ContractState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask, and write the attempt into the ledger."""
        name, known = state["clause"], cast("Prepared", state["prepared"])
        clause = next(each for each in known["clauses"] if each["id"] == name)
        piece = known["text"][clause["start"] : clause["end"]]
        likeliest = sorted(each for each, _ in known["types"][name])
        call = bind(self.services, state, runtime, "slm", "act")
        chosen = ""
        try:
            chosen = ask_type(piece, [*likeliest, NO_TYPE], call)
            attempt = call.attempt({"type": chosen})
        except (ModelError, EgressBlocked) as error:
            attempt = call.attempt(None, error=error.info())
        self.services.ledger.add_attempt(state["run_id"], attempt)
        runtime.stream_writer({"contract": "typed", "clause": name})
        typed = {"clause": name, "type": "" if chosen == NO_TYPE else chosen}
        return {"typed": [typed], "made": [attempt]}
