"""How a node reaches a tier: bound to the run's profile, deadline, purpose and token stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.runtime import Runtime

from tandem.models.tier import CallContext, TierCall
from tandem.nodes.state import Context, State
from tandem.records import Purpose, TierName
from tandem.services import Services


def bind(
    services: Services,
    state: State,
    runtime: Runtime[Context],
    tier: TierName,
    purpose: Purpose = "answer",
    private_only: bool = False,
    streams: bool = False,
) -> TierCall:
    """`tier` for the task of this run, bound to one attempt.

    Parameters
    ----------
    private_only: no model that is not private is asked, whatever the run's context allows.
    streams: tokens go to whoever listens, though this is only a part of the answer.
    """
    profile = state["profile"]
    return services.tier(tier, profile["task"]).bind(
        CallContext(
            profile=profile,
            deadline=state["deadline"],
            task=profile["task"],
            run_id=state["run_id"],
            purpose=purpose,
            private_only=private_only or keeps_private(state, context_of(runtime)),
            on_token=_token_writer(runtime) if purpose == "answer" or streams else None,
            vault=services.vaults.of(state["run_id"], state["deadline"]),
        )
    )


def context_of(runtime: Runtime[Context]) -> Context:
    """The run's context; the defaults where the caller gave none."""
    return runtime.context or Context()


def keeps_private(state: State, context: Context) -> bool:
    """Whether no model that is not private may be asked: the caller or the policy says so."""
    decision = state.get("decision")
    return context.private_only or bool(decision and decision.get("private_only"))


def _token_writer(runtime: Runtime[Context]) -> Callable[[str], None] | None:
    if not context_of(runtime).stream_unverified:
        return None
    writer: Callable[[Any], None] = runtime.stream_writer
    return lambda text: writer({"token": text, "verified": False})
