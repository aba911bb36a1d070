"""The node that asks a model hypotheses by their passages alone. Several run in parallel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """One group of items on one tier. A tier that gives no answer leaves them open; it ends no
    run."""

    services: Services
    task: Callable[[], ContractReview]

    def __call__(self, state: ContractState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Ask, and write the attempt into the ledger."""
        group, tier = state["group"], state["ask"]
        assert tier is not None
        known = cast("Prepared", state["prepared"])
        call = bind(self.services, state, runtime, tier, "act")
        judged: dict[str, list[Judged]] = {}
        try:
            judged = self.task().judged(known, group, call)
            said = {name: [one["verdict"] for one in each] for name, each in judged.items()}
            attempt = call.attempt({"verdicts": said}, signals=_cut_short(judged))
        except (ModelError, EgressBlocked) as error:
            attempt = call.attempt(None, error=error.info())
        self.services.ledger.add_attempt(state["run_id"], attempt)
        names = [item["id"] for item in group]
        runtime.stream_writer({"contract": "judged", "items": names, "tier": tier})
        asked = [{"item": name, "tier": tier, "judged": judged.get(name, [])} for name in names]
        return {"judged": asked, "made": [attempt]}


def _cut_short(judged: Mapping[str, Sequence[Judged]]) -> dict[str, float]:
    """How many items were not read to the contract's end for an error; nothing where none."""
    count = sum(any(one.get("stopped") for one in each) for each in judged.values())
    return {"cut_short": float(count)} if count else {}
