"""The node that reads one passage for its questions; many of it run at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.nodes.binding import bind
from tandem.nodes.research.reading import read
from tandem.nodes.research.records import ReaderState
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Read:
    """Always the SLM, without tools. A reader that fails loses its own readings only."""

    services: Services

    def __call__(self, state: ReaderState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Read the passage of the job."""
        call = bind(self.services, state, runtime, "slm", "act")
        readings, failure = read(state["job"], call)
        outcomes = [reading["outcome"] for reading in readings]
        attempt = call.attempt({"outcomes": outcomes}, error=failure)
        self.services.ledger.add_attempt(state["run_id"], attempt)
        runtime.stream_writer({"research": {"read": len(readings)}})
        return {"readings": readings, "reader_attempts": [attempt]}
