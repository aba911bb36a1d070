"""The last node of the contract's graph: the review and its report, as the attempt to be judged."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from langgraph.runtime import Runtime

from tandem.nodes.contract.asking import Judged
from tandem.nodes.contract.output import Prepared
from tandem.nodes.contract.state import Asked, ContractState
from tandem.nodes.contract.task import ContractReview, whole_usage
from tandem.nodes.state import Context
from tandem.records import Attempt, Decision, Usage
from tandem.routing.policy import DEGRADED, UNVERIFIED
from tandem.services import Services

LEFT_OPEN = "{n} of {total} hypotheses need a person's look"
DOUBTFUL_KIND: Final = (
    "it is in doubt that this is a contract: take what is called absent with care"
)
_WHO: Final = {"by_head": "the head", "by_slm": "the SLM", "by_llm": "the LLM"}


@dataclass(frozen=True)
class Conclude:
    """Put together what the head and the models said. Where anything is left open, the run is
    marked, so that its answer leaves as `unverified`."""

    services: Services
    task: Callable[[], ContractReview]

    def __call__(self, state: ContractState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Write `prepared`, `attempts` and, where items are open, the decision's mark."""
        known = cast("Prepared", state["prepared"])
        asked = state.get("judged", [])
        judged: dict[str, Sequence[Judged]] = {one["item"]: one["judged"] for one in asked}
        types = {one["clause"]: one["type"] for one in state.get("typed", []) if one["type"]}
        output = self.task().output(known, judged, _counts(asked), types)
        coverage = output["coverage"]
        left = coverage["undecided"]
        made = state.get("made", [])
        attempt = _attempt(output)
        self.services.ledger.add_attempt(state["run_id"], attempt)
        runtime.stream_writer({"contract": "reported", "undecided": left})
        update: dict[str, Any] = {
            "prepared": {**state["prepared"], "all_llm_usage": _rest(known, made)},
            "attempts": [*state["attempts"], *made, attempt],
        }
        update["decision"] = _marked(state, coverage)
        return update


def _counts(asked: Sequence[Asked]) -> dict[str, int]:
    counts: dict[str, int] = dict(Counter(str(one["tier"]) for one in asked))
    failed = sum(not one["judged"] for one in asked)
    return {**counts, **({"without_answer": failed} if failed else {})}


def _attempt(output: dict[str, Any]) -> Attempt:
    """The review is put together by code: it costs nothing beside the attempts of the items."""
    return {
        "id": uuid.uuid4().hex,
        "purpose": "answer",
        "tier": "head",
        "model": "",
        "output": output,
        "text": "",
        "finish": "stop",
        "usage": {"input_tokens": 0, "output_tokens": 0},
        "calls": 0,
        "seconds": 0.0,
        "cost": 0.0,
        "signals": {"undecided": float(output["coverage"]["undecided"])},
        "error": None,
    }


def _rest(known: Prepared, made: Sequence[Attempt]) -> Usage:
    """What all-LLM would have taken beyond what the LLM did take: accounting adds the two."""
    whole = whole_usage(known)
    taken = [one["usage"] for one in made if one["tier"] == "llm" and one["error"] is None]
    return {
        "input_tokens": max(0, whole["input_tokens"] - sum(one["input_tokens"] for one in taken)),
        "output_tokens": max(
            0, whole["output_tokens"] - sum(one["output_tokens"] for one in taken)
        ),
    }


def _marked(state: ContractState, coverage: Mapping[str, Any]) -> Decision:
    """The decision with who decided what; marked as unverified where anything is left to a person,
    or where it is in doubt that this is a contract, and as degraded only where the SLM had a say:
    what the head decided, the LLM would not have been asked."""
    decision, left = state["decision"], coverage["undecided"]
    asked = state.get("judged", [])
    by_slm = any(one["tier"] == "slm" and one["judged"] for one in asked)
    reasons = [reason for reason in decision["reasons"] if reason != DEGRADED or by_slm]
    if said := [f"{coverage[key]} by {who}" for key, who in _WHO.items() if coverage[key]]:
        reasons.append(f"verdicts: {', '.join(said)}")
    doubts = [LEFT_OPEN.format(n=left, total=coverage["hypotheses"])] if left else []
    doubts += [DOUBTFUL_KIND] if coverage["doubtful_kind"] else []
    return {**decision, "reasons": [*reasons, *(f"{UNVERIFIED}{doubt}" for doubt in doubts)]}
