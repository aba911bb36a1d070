"""The node that crosses a round's questions with the passages that retrieval keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime

from tandem.errors import TandemError
from tandem.nodes.research.collection import collection_of
from tandem.nodes.research.crossing import Crossed, cross
from tandem.nodes.research.records import Documents, ResearchState
from tandem.nodes.state import Context
from tandem.services import Services


@dataclass(frozen=True)
class Search:
    """No model is asked. Leads to the readers, one a passage; to `conclude` where there is nothing
    to read; out where the documents or the knowledge base cannot be searched."""

    services: Services

    def __call__(self, state: ResearchState, runtime: Runtime[Context]) -> dict[str, Any]:
        """Search for the questions that no round has read for yet."""
        try:
            crossed, documents = self._crossed(state)
        except TandemError as error:
            return {"error": error.info(), "next": "end"}
        known = {passage["id"]: passage for passage in state.get("passages", [])}
        known |= {job["passage"]["id"]: job["passage"] for job in crossed.jobs}
        readings = sum(len(job["questions"]) for job in crossed.jobs)
        told = {"round": state["round"], "passages": len(crossed.jobs), "readings": readings}
        runtime.stream_writer({"research": told})
        return {
            "jobs": crossed.jobs,
            "passages": list(known.values()),
            "left_out": state.get("left_out", 0) + crossed.left_out,
            "asked_so_far": len(state["questions"]),
            "documents": documents,
            "next": "read" if crossed.jobs else "conclude",
        }

    def _crossed(self, state: ResearchState) -> tuple[Crossed, Documents | None]:
        collection = collection_of(self.services, state["request"])
        limits, first = self.services.settings.research, state["asked_so_far"]
        questions = dict(enumerate(state["questions"][first:], start=first))
        crossed = cross(
            questions,
            lambda question: collection.passages(question, limits.passages),
            limits.readings,
        )
        return crossed, collection.documents
