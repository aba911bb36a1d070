"""What a task is: one file in nodes/ with its prompt, its output schema and four methods.

A task knows nothing of LangGraph. `first_tier` says where it starts; who carries an attempt out is
the tier it is handed. See CONTRIBUTING.md for how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from tandem.models.tier import TierCall
from tandem.records import Attempt, GateFailure, Profile, Request, TierName, Verdict

Prepared = Mapping[str, Any]
"""All that attempts and checks need, JSON-plain: it travels in the graph's state."""


class Task(Protocol):
    """A task. Implementations are frozen dataclasses; what they need is injected."""

    @property
    def name(self) -> str:
        """The task's name, as in Profile["task"]."""
        ...

    @property
    def node(self) -> str:
        """The graph node that carries it out."""
        ...

    @property
    def first_tier(self) -> TierName: ...

    def prepare(self, request: Request, profile: Profile) -> Prepared:
        """Gather what the task needs (retrieval, reading documents); no model is called.

        Raises
        ------
        InvalidRequest, DocumentError, KnowledgeError: the request cannot be carried out.
        """
        ...

    def attempt(self, prepared: Prepared, tier: TierCall) -> Attempt:
        """Try the task on `tier`. Raises what `TierCall.complete` raises; malformed model output
        is no error: it is an attempt with `output` None, which the gates reject."""
        ...

    def check(self, prepared: Prepared, attempt: Attempt) -> list[GateFailure]:
        """The hard gates that the attempt's output does not pass; empty: it may leave."""
        ...

    def repair(
        self, prepared: Prepared, rejected: Attempt, verdict: Verdict, tier: TierCall
    ) -> Attempt:
        """Do better than `rejected`, usually on the LLM: field by field, or simply again."""
        ...


@runtime_checkable
class ReadsWhatItCan(Protocol):
    """A task that goes on without documents that cannot be read, and says which; of those that are
    longer than allowed it takes the beginning. For other tasks such a document is an error."""

    @property
    def reads_what_it_can(self) -> bool: ...


@runtime_checkable
class OwnRetry(Protocol):
    """A task that knows a better second try on the SLM than `repair` at a temperature."""

    def retry(self, prepared: Prepared, rejected: Attempt, tier: TierCall, number: int) -> Attempt:
        """Try otherwise than before, where `rejected` may not go to the LLM.

        Parameters
        ----------
        number: 1 for the first such try of a run.
        """
        ...
