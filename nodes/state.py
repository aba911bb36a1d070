"""The graph's state and per-run context. The state is JSON-plain, so that a checkpoint needs no
pickle.

Only nodes that follow one another write, so every key is written whole and no reducer is needed.
`request` is one key on purpose: a second run on the same thread then replaces the first one's
labels, documents and declarations as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Required

from typing_extensions import TypedDict

from tandem.records import (
    Answer,
    Attempt,
    Decision,
    Delegated,
    ErrorInfo,
    Profile,
    Request,
    Sensitivity,
    Step,
    Verdict,
)


class Input(TypedDict):
    """What the graph is invoked with."""

    request: Request


class Output(TypedDict):
    """What the graph returns."""

    answer: Answer


class State(TypedDict, total=False):
    """What travels between the nodes."""

    request: Required[Request]
    run_id: str
    parent_run_id: str
    started: float
    """Unix time, seconds."""
    deadline: float
    """Unix time, seconds; no model call goes on beyond it."""
    profile: Profile
    decision: Decision
    prepared: dict[str, Any]
    attempts: list[Attempt]
    verdicts: list[Verdict]
    steps: list[Step]
    delegated: list[Delegated]
    """What the agent's requests to this graph cost."""
    next: str
    """The node that the last node decided on; routers read it."""
    late: bool
    """The declared deadline left no time for what would have come next."""
    escalated: bool
    """The LLM had its turn (escalate)."""
    retried: bool
    """The SLM had its second try (retry_slm)."""
    error: ErrorInfo | None
    answer: Answer


@dataclass(frozen=True)
class Context:
    """What a caller may set for one run. It may tighten the policy, never loosen it.

    Every field has a default, so that Studio and bare calls work.
    """

    run_id: str = ""
    """Identity of the run in the ledger; empty: a new one."""
    parent_run_id: str = ""
    """The agent run that this one works for."""
    private_only: bool = False
    """No tier that is not private may see this request."""
    public_may_see: tuple[Sensitivity, ...] | None = None
    """What may leave for tiers that are not private, where that is less than the settings say."""
    stream_unverified: bool = False
    """Stream tokens of an answer that the quality check may still reject."""
    notes: tuple[str, ...] = ()
    """What whoever started the run adds to the answer's reasons."""
    not_kept: str = ""
    """Why the run is not kept step by step, where it is not; told of tasks that would be."""
    resumed: float = 0.0
    """Unix time, seconds, at which the run went on after a pause: it has its whole time anew from
    there. The graph sets it."""
