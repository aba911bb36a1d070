"""What would be done with a request, and why, without doing it: the node classify, unrecorded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from tandem.errors import PolicyRefused, from_info
from tandem.nodes.classify import Classify
from tandem.nodes.state import Context, State
from tandem.nodes.task import Task
from tandem.privacy.tracing import traced
from tandem.records import Attempt, Decision, ErrorInfo, Profile, Request
from tandem.services import Services


class Explanation(TypedDict):
    """JSON-plain. `reasons` are those that a run would write into its answer and the ledger."""

    profile: Profile
    decision: Decision | None
    """None where the request is refused; `refused` then says why."""
    refused: ErrorInfo | None
    deadline_s: float
    """Seconds that a run would be given."""
    reasons: list[str]
    attempts: list[Attempt]
    """The model calls that reading the task took; none unless it was asked for."""


@dataclass(frozen=True)
class Explain:
    """The decision on a request. Nothing is written to the ledger.

    Parameters
    ----------
    reads: whether the SLM may be asked which task the request is, as in a run, where neither a
        declaration nor the routing head tells. What that costs is in `attempts` only.
    """

    services: Services
    tasks: Mapping[str, Task]
    reads: bool = False

    def __call__(self, request: Request, context: Context | None = None) -> Explanation:
        """Explain.

        Raises
        ------
        InvalidRequest: it would not be carried out at all; TandemError: as in a run.
        """
        started = time.time()
        unwritten = cast("Services", _Unwritten(self.services))
        classify = Classify(unwritten, self.tasks, reads=self.reads)
        state: State = {"request": request}
        # Outside the graph nobody looked yet at what a tracer may see.
        with traced("secret", self.services.detector, ()):
            found = classify(state, Runtime(context=context or Context()))
        self.services.vaults.forget(found["run_id"])
        refused: ErrorInfo | None = found["error"]
        if refused and not isinstance(from_info(refused), PolicyRefused):
            raise from_info(refused)
        decision: Decision | None = found["decision"]
        return {
            "profile": found["profile"],
            "decision": decision,
            "refused": refused,
            "deadline_s": round(found["deadline"] - started, 1),
            "reasons": [
                *found["profile"]["reasons"],
                *(decision["reasons"] if decision else []),
                *([f"refused: {refused['what']}"] if refused else []),
            ],
            "attempts": found["attempts"],
        }


class _Unwritten:
    """Services whose ledger is read, for budgets and speeds, and not written."""

    def __init__(self, services: Services) -> None:
        self._services: Final = services
        self.ledger: Final = _NoLedger()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services, name)


class _NoLedger:
    def __getattr__(self, name: str) -> Any:
        return _nothing


def _nothing(*_: Any, **__: Any) -> None:
    return None
